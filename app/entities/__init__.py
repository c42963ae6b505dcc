"""Entities: the tree of the organisation, which determines what each user may see."""
