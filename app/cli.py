"""Commands of ``flask --app run …``: each room adds its own to this list."""

from __future__ import annotations

import click

COMMANDS: list[click.Command] = []


def command(item: click.Command) -> click.Command:
    """Add a command, or a group of them, to the command line."""
    COMMANDS.append(item)
    return item
