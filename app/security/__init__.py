"""Who may do what: areas and levels, the actor of a change, and the rows an actor may see."""
