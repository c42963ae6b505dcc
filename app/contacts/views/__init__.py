"""Views of contacts."""
