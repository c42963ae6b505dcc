"""Files: pictures and, later, documents, kept in the data folder under names of our own."""
