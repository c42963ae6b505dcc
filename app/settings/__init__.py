"""Settings: what administrators decide on a page rather than in an environment variable."""
