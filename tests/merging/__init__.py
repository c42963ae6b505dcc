"""Tests of merging two rows, and of undoing it."""
