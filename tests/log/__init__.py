"""Tests of the room log."""
