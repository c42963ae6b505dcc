"""Collective actions on contacts, one file each."""
