"""Rules of the business, locks and states of rows: written once, asked by whatever writes."""
