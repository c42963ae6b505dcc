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
    help="Seconds to wait for open transactions. Default: 10.",
)
def seal(wait: float) -> None:
    """Seal new entries without blocking writers. Prints one JSON object."""
    session = db.session()
    sealer = Sealer()
    sealed = sealer.run(session, wait)
    appended = append_seals(session, current_app.config["DATA_DIR"])
    result = {"sealed": sealed, "noted": appended, "put_off": sealer.pending is not None}
    click.echo(json.dumps(result))


@log.command("verify")
@click.option("--head", metavar="DIGEST", help="A digest kept elsewhere: it must be in the chain.")
def verify_(head: str | None) -> None:
    """Report entries that were edited, removed or inserted since they were sealed.

    Prints one JSON object; the exit status is 1 if there are any.
    """
    with reading():
        result = verify(db.session(), current_app.config["DATA_DIR"], head=head)
    click.echo(json.dumps(result.to_dict(), ensure_ascii=False))
    for discrepancy in result.discrepancies:
        click.echo(discrepancy.message, err=True)
    sys.exit(0 if result.is_sound else 1)
