"""Authentication and authorisation: sessions, areas and levels, the actor, visible rows."""
