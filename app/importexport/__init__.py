"""CSV in and out: reading whatever people send, guessing, comparing, writing set-based."""
