"""Files: pictures, re-encoded and stored in the data folder under random names."""
