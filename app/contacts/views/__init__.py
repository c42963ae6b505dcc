"""The screens of contacts, one file per noun."""
