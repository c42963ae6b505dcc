"""Files: pictures stored in the data folder under random names."""
