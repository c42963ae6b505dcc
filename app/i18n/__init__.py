"""Internationalization: language selection, bilingual labels, dates, numbers, countries."""
