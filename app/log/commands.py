"""Commands ``log seal``, ``log verify`` and ``log erase``."""

from __future__ import annotations

import json
import sys

import click
from flask import current_app
from flask.cli import AppGroup
from flask_babel import gettext as _
from flask_babel import ngettext

from app.cli import command
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.log.erasing import count_left, entries_of, erase_in_chunks
from app.log.models import LogEntry, is_logged
from app.log.seal_file import append_seals
from app.log.sealing import Sealer
from app.log.verification import verify
from app.security.actor import SYSTEM
from app.text import clean

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


@log.command("erase")
@click.option("--subject", required=True, metavar="KIND:NUMBER", help="Such as contact:12.")
@click.option("--reason", required=True, help="Why; it stays in the log.")
@click.option("--dry-run", is_flag=True, help="Only say how many entries would be emptied.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(subject: str, reason: str, dry_run: bool, yes: bool) -> None:
    """Empty the values of a person or another item from the log; this cannot be undone.

    Its own entries lose its name and what changed; entries about other items lose its name as
    the one who made the change. Prints one JSON object.
    """
    session = db.session()
    try:
        entries = entries_of(*_read_subject(subject))
        with reading():
            number = count_left(session, entries)
            session.rollback()
        if number and not dry_run and not yes:
            click.echo(
                ngettext(
                    "%(num)s log entry of %(subject)s will be emptied. This can’t be undone.",
                    "%(num)s log entries of %(subject)s will be emptied. This can’t be undone.",
                    number,
                    subject=subject,
                ),
                err=True,
            )
            click.confirm(_("Empty these entries?"), abort=True, err=True)
        emptied = 0
        if not dry_run:
            # So that nothing is emptied whose seal covers the values themselves.
            Sealer().run(session, 10.0)
            emptied = sum(erase_in_chunks(session, SYSTEM, entries, reason))
            append_seals(session, current_app.config["DATA_DIR"])
    except DomainError as error:
        session.rollback()
        raise click.ClickException(str(error)) from None
    result = {"dry_run": dry_run, "subject": subject, "entries": number, "emptied": emptied}
    click.echo(json.dumps(result))


def _read_subject(text: str) -> tuple[str, int]:
    """Return the table and the id that a subject, such as contact:12, stands for."""
    kind, _colon, number = text.partition(":")
    kinds = {m.class_.__tablename__ for m in LogEntry.registry.mappers if is_logged(m.class_)}
    if not (number.isascii() and number.isdigit() and 0 < int(number[:11]) < 2**31):
        raise DomainError(
            _(
                "“%(text)s” must have the form kind:number, such as contact:12.",
                text=clean(text)[:80],
            )
        )
    if kind not in kinds:
        raise DomainError(
            _(
                "“%(text)s” is no kind of item. There are: %(kinds)s.",
                text=clean(kind)[:80], kinds=", ".join(sorted(kinds)),
            )
        )  # fmt: skip
    return kind, int(number)
