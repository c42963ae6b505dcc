"""Rules of the business, written once and asked by whatever writes."""
