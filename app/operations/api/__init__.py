"""The API of collective actions: run, follow, cancel, resume and undo them."""
