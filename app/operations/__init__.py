"""Collective actions: change many rows at once, with a preview, in the background, with undo."""
