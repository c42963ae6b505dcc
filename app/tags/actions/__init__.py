"""Collective actions on rows that have tags, one file each."""
