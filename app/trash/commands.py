"""Command ``trash purge``: delete old rows of the trash permanently, for cron."""

from __future__ import annotations

import json
from datetime import timedelta

import click
from flask.cli import AppGroup

from app.cli import command
from app.extensions import db
from app.security.actor import SYSTEM
from app.trash.models import purgeable_models
from app.trash.services import count_trashed, purge_old
from app.types import now

trash = command(AppGroup("trash", help="The trash."))


@trash.command("purge")
@click.option("--days", type=click.IntRange(1, 36500), required=True, help="How long is long.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def purge(days: int, dry_run: bool) -> None:
    """Delete for good what was put in the trash more than so many days ago.

    Prints one JSON object: how many of each kind.
    """
    before = now() - timedelta(days=days)
    purged = {}
    for model in purgeable_models():
        if dry_run:
            purged[model.__tablename__] = count_trashed(db.session(), model, SYSTEM, before)
        else:
            purged[model.__tablename__] = sum(purge_old(db.session(), model, before))
    click.echo(json.dumps({"dry_run": dry_run, "days": days, "purged": purged}))
