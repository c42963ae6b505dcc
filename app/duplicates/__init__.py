"""Contacts that may be the same person: a search over all of them, a list, a hint while typing."""
