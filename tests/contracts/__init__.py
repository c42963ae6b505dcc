"""Promises every page and plug keeps, written or not yet written."""
