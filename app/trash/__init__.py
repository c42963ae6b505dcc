"""The trash: deleted rows are hidden, can be restored, and are purged only on request."""
