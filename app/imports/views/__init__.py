"""Pages of a list from which its rows are imported and exported."""
