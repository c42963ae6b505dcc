"""Tests of each collective action: what is special about it."""
