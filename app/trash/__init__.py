"""The trash: what is deleted is put away, can be restored, and goes for good only on purpose."""
