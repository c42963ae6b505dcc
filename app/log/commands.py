"""Commands ``log seal`` and ``log verify``."""

from __future__ import annotations

import json
import sys

import click
from flask import current_app
from flask.cli import AppGroup

from app.cli import command
from app.database import reading
from app.extensions import db
from app.log.seal_file import append_seals
from app.log.sealing import Sealer
from app.log.verification import verify

log = command(AppGroup("log", help="The log of every change, and its seals."))


@log.command("seal")
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    default=10.0,
    help="Seconds to wait for whoever is writing. Default: 10.",
)
def seal(wait: float) -> None:
    """Seal what has been written; nobody waits for it. Prints one JSON object."""
    session = db.session()
    sealer = Sealer()
    sealed = sealer.run(session, wait)
    appended = append_seals(session, current_app.config["DATA_DIR"])
    result = {"sealed": sealed, "noted": appended, "put_off": sealer.pending is not None}
    click.echo(json.dumps(result))


@log.command("verify")
@click.option(
    "--head", metavar="DIGEST", help="A digest noted elsewhere: it must be in the chain."
)
def verify_(head: str | None) -> None:
    """Find any entry that was edited, removed or put in since it was sealed.

    Prints one JSON object; ends with status 1 if something was found.
    """
    with reading():
        result = verify(db.session(), current_app.config["DATA_DIR"], head=head)
    click.echo(json.dumps(result.to_dict(), ensure_ascii=False))
    for discrepancy in result.discrepancies:
        click.echo(discrepancy.message, err=True)
    sys.exit(0 if result.is_sound else 1)
