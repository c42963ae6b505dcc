"""Seeders: plugs that fill a new database with initial data."""

from __future__ import annotations

from app.registry import Plug


class Seeder(Plug):
    """Initial data of a room; seeders run in the order in which they are defined."""

    def seed(self, demo: bool) -> None:
        """Fill empty tables and commit; do nothing if there is data. ``demo`` asks for examples."""
        raise NotImplementedError
