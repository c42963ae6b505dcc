"""Tests of the room trash."""
