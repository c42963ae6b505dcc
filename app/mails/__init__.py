"""Mails: rows written with what they tell of, sent once that is committed."""
