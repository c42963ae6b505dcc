"""Import and export of any model that has an importer: the pages and the commands."""
