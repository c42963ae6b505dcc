"""Initial data of accounts."""
