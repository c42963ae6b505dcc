"""Commands of contacts, and the initial data of a new database."""
