"""Entities: the organisation's tree, which decides what its staff see."""
