"""``contacts import``, ``contacts export``, and the same for every other importer."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from typing import Any, NoReturn, TextIO

import click
from flask.cli import with_appcontext
from flask_babel import force_locale
from flask_babel import gettext as _

from app import organisation
from app.cli import command_provider
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.i18n.languages import LANGUAGES, current_language
from app.i18n.localized import localize
from app.importexport.conditions import describe_conditions, fields_named, select_where
from app.importexport.copying import export_snapshot
from app.importexport.exporter import Exporter
from app.importexport.importer import Importer
from app.importexport.planning import ImportOptions, build_plan
from app.importexport.reading import Source
from app.importexport.running import run_import
from app.log.services import record_security_event
from app.security.actor import SYSTEM


def exit_with_error(error: DomainError) -> NoReturn:
    """Print the error on stderr and exit with status 2."""
    click.echo(str(error), err=True)
    sys.exit(2)


def make_group(importer: Importer) -> click.Group:
    """Return the commands of an importer: ``import`` and ``export`` in a group of its name."""
    things = importer.name.replace("-", " ")
    group = click.Group(importer.name, help=f"Import and export {things}.")
    group.add_command(_import_command(importer, things))
    group.add_command(_export_command(importer, things))
    return group


def _import_command(importer: Importer, things: str) -> click.Command:
    rules = ", ".join(rule.name for rule in importer.match_rules)

    @click.command(
        "import", help=f"Create and update {things} from a CSV file; print one JSON object."
    )
    @click.argument("path", metavar="FILE", type=click.Path(allow_dash=False))
    @click.option(
        "--match",
        default="",
        help=f"How rows find what they update first: {rules}; then by the next. Default: by all.",
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
    @click.option("--entity", default="", help="Name or number of the entity new rows go to.")
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
        session = db.session()
        try:
            source = Source(path, encoding=encoding, delimiter=delimiter)
            options = ImportOptions(
                country=organisation.country(),
                mapping=dict(_parse_mapping(text) for text in maps),
                match=match,
                create_values=create_values,
                entity=entity,
            )
            plan = build_plan(importer, session, source, SYSTEM, options)
            report = run_import(session, source, plan, SYSTEM, dry_run=dry_run)
        except DomainError as error:
            session.rollback()
            exit_with_error(error)
        data: dict[str, Any] = report.to_dict()
        data |= {
            "file": path,
            "dry_run": dry_run,
            "match": plan.match.name,
            "rules": [rule.name for rule in plan.rules],
            "missing": plan.missing,
            "mapping": plan.mapped,
            "ignored": plan.ignored,
            "encoding": source.encoding,
            "delimiter": source.delimiter,
            "country": plan.country,
        }
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))

    return import_


def _parse_mapping(text: str) -> tuple[str, str]:
    """Split HEADER=FIELD at the last “=”: a header may hold one, a field never does."""
    header, separator, name = text.rpartition("=")
    if not separator:
        raise DomainError(_("“%(text)s” must have the form HEADER=FIELD.", text=text[:80]))
    return header, name


def _export_command(importer: Importer, things: str) -> click.Command:
    @click.command("export", help=f"Print {things} as CSV.")
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
        session = db.session()
        with ExitStack() as stack:
            with force_locale(language or current_language()), reading():
                reader = stack.enter_context(export_snapshot(session))
                try:
                    query = select_where(session, importer, where, SYSTEM, organisation.country())
                    fields = fields_named(importer, columns)
                    exporter = Exporter(reader, importer.model, fields, SYSTEM)
                except DomainError as error:
                    exit_with_error(error)
                if hasattr(output, "reconfigure"):
                    output.reconfigure(encoding="utf-8", newline="")
                chosen = exporter.choose(query, is_whole=not where)
                # End the read-only transaction: the log entry below is written in another.
                session.rollback()
            filters = localize(lambda: describe_conditions(importer, where)) if where else ""
            record_security_event(
                session, "exported", SYSTEM, name=importer.english_label, rows=chosen.count,
                filter=filters, columns=localize(lambda: exporter.labels),
            )  # fmt: skip
            session.commit()
            with force_locale(language or current_language()), reading():
                for block in exporter.blocks(chosen):
                    output.write(block if isinstance(block, str) else block.decode())

    return export


@command_provider
def importer_commands() -> list[click.Command]:
    """Return the group of each importer."""
    return [make_group(importer()) for importer in Importer.all()]
