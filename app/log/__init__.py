"""The log: an append-only record of who changed which row, when, with old and new values."""
