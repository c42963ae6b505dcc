"""Custom fields: fields of contacts and accounts that an administrator defines without code."""
