"""How fast Padrón is with many contacts, each page beside a raw-SQL view of the same page."""
