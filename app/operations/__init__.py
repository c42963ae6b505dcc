"""Collective actions: one thing done to many rows at once, previewed, frozen, undone."""
