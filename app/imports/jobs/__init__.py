"""The jobs that check a file, import it, and undo the import."""
