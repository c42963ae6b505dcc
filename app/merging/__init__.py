"""Merge two rows of a model into one, and undo it for a month; any model may say it can be merged."""
