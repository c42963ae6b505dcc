"""Full-text search: a folded text per row in a table of its own, matched by substrings."""
