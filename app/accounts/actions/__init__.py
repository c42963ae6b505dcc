"""Collective actions on accounts, one file each."""
