"""Jobs: work that outlives the request it was asked in; a row in the database is their truth."""
