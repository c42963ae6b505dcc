"""Background jobs: each is a row of ``job``; worker threads run it chunk by chunk."""
