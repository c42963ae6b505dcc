"""Contacts: everybody the organisation deals with, and the lists that describe them."""
