"""Collective actions for programs: ask for them, follow them, stop them, undo them."""
