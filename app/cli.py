"""Commands of ``flask --app run …``: each room adds its own to this list."""

from __future__ import annotations

from typing import TypeVar

import click

Item = TypeVar("Item", bound=click.Command)
COMMANDS: list[click.Command] = []


def command(item: Item) -> Item:
    """Add a command, or a group of them, to the command line."""
    COMMANDS.append(item)
    return item
