"""Numbers of documents and members: series without gaps, one number given once."""
