"""Commands about contacts, and the first contents of a new database."""
