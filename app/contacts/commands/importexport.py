"""``contacts import`` and ``contacts export``."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn, TextIO

import click
from flask.cli import with_appcontext
from flask_babel import force_locale
from flask_babel import gettext as _

from app import organisation
from app.cli import command
from app.contacts.exporters import contacts_where, describe_conditions, export_fields
from app.contacts.importers import ContactImporter
from app.contacts.models import Contact
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.i18n.languages import LANGUAGES, current_language
from app.i18n.localized import localize
from app.importexport.exporter import Exporter
from app.importexport.importer import ImportOptions
from app.importexport.reading import Source
from app.importexport.running import run_import
from app.log.services import record_security_event
from app.security.actor import SYSTEM


@command
@click.group("contacts")
def contacts() -> None:
    """Import and export contacts."""


def exit_with_error(error: DomainError) -> NoReturn:
    """Print the error on stderr and exit with status 2."""
    click.echo(str(error), err=True)
    sys.exit(2)


@contacts.command("import")
@click.argument("path", metavar="FILE", type=click.Path(allow_dash=False))
@click.option(
    "--match",
    default="",
    help="How rows find their contact: member_number, email or name. Default: by the headers.",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="HEADER=FIELD",
    help="Which field a column is; an empty field ignores the column. Repeat as needed.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--create-values", is_flag=True, help="Create unknown types, tags, accounts…")
@click.option("--entity", default="", help="Name or number of the entity new contacts go to.")
@click.option("--delimiter", default=None, help="What separates cells. Default: detected.")
@click.option("--encoding", default=None, help="Such as utf-8 or cp1252. Default: detected.")
@with_appcontext
def import_(
    path: str,
    match: str,
    maps: tuple[str, ...],
    dry_run: bool,
    create_values: bool,
    entity: str,
    delimiter: str | None,
    encoding: str | None,
) -> None:
    """Create and update contacts from a CSV file; print one JSON object."""
    session = db.session()
    try:
        source = Source(path, encoding=encoding, delimiter=delimiter)
        options = ImportOptions(
            country=organisation.country(),
            mapping=dict(_parse_mapping(text) for text in maps),
            match={"number": "member_number"}.get(match, match),
            create_values=create_values,
            entity=entity,
        )
        plan = ContactImporter().build_plan(session, source, SYSTEM, options)
        report = run_import(session, source, plan, SYSTEM, dry_run=dry_run)
    except DomainError as error:
        session.rollback()
        exit_with_error(error)
    data: dict[str, Any] = report.to_dict()
    data |= {
        "file": path,
        "dry_run": dry_run,
        "match": plan.match.name,
        "mapping": plan.mapped,
        "ignored": plan.ignored,
        "encoding": source.encoding,
        "delimiter": source.delimiter,
        "country": plan.country,
    }
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def _parse_mapping(text: str) -> tuple[str, str]:
    """Split HEADER=FIELD at the last “=”: a header may hold one, a field never does."""
    header, separator, name = text.rpartition("=")
    if not separator:
        raise DomainError(_("“%(text)s” must have the form HEADER=FIELD.", text=text[:80]))
    return header, name


@contacts.command("export")
@click.option(
    "--where",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Such as type=member, tag=VIP, entity=North, q=words. Repeat as needed.",
)
@click.option("--columns", default="", help="Fields, separated by commas. Default: all.")
@click.option("--output", type=click.File("w", encoding="utf-8", lazy=True), default="-")
@click.option("--language", type=click.Choice(LANGUAGES), default=None)
@with_appcontext
def export(where: tuple[str, ...], columns: str, output: TextIO, language: str | None) -> None:
    """Print contacts as CSV."""
    session = db.session()
    with force_locale(language or current_language()), reading():
        try:
            query = contacts_where(session, where, SYSTEM, organisation.country())
            exporter = Exporter(session, Contact, export_fields(columns), SYSTEM)
        except DomainError as error:
            exit_with_error(error)
        if hasattr(output, "reconfigure"):
            output.reconfigure(encoding="utf-8", newline="")
        rows = exporter.count(query)
        # End the read-only transaction: the log entry below is written in another.
        session.rollback()
    record_security_event(
        session, "exported", SYSTEM, name="Contacts", rows=rows,
        filter=localize(lambda: describe_conditions(where)) if where else "",
        columns=localize(lambda: exporter.labels),
    )  # fmt: skip
    session.commit()
    with force_locale(language or current_language()), reading():
        for line in exporter.lines(query):
            output.write(line)
