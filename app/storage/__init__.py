"""Files: stored in the data folder under random names, with a row each; pictures re-encoded."""
