"""Search: folded text of each row in a table beside it, found by any part of any word."""
