"""Collective actions of custom fields."""
