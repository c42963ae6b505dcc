"""Staff: the people who sign in to the back-office, where they work, and their own settings."""
