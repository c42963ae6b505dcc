"""Languages: which one a reader gets, labels in both, dates and numbers as they write them."""
