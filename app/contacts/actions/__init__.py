"""What can be done to many contacts at once, one file each."""
