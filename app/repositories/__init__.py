"""Repositories: the editable lists behind types, categories, statuses and tags."""
