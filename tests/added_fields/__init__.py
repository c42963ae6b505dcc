"""Tests of fields added to contacts; ``declared.py`` has the fields."""
