"""The commands of ``flask --app run …``; each room registers its own."""

from __future__ import annotations

from typing import TypeVar

import click

Item = TypeVar("Item", bound=click.Command)
COMMANDS: list[click.Command] = []


def command(item: Item) -> Item:
    """Register a command or a group (decorator)."""
    COMMANDS.append(item)
    return item
