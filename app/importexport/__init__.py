"""Import and export CSV: read files, map columns to fields, compare with stored rows, write."""
