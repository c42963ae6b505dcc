"""Repositories: editable lists of values, such as types, categories, statuses and tags."""
