"""Contacts: the people the organisation deals with, and the repositories that classify them."""
