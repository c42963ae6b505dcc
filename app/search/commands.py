"""Command ``search rebuild``: write all search texts again."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.cli import command
from app.extensions import db
from app.search.models import searchables
from app.search.services import rebuild

search = command(AppGroup("search", help="The search index."))


@search.command("rebuild")
def rebuild_all() -> None:
    """Write the search text of every row again, after changes made outside the program."""
    for model in searchables():
        count = rebuild(db.session(), model)
        click.echo(f"{model.__tablename__}: {count}")
