"""``contacts import``, ``contacts export``, and the same for every other importer."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NoReturn

import click
from flask.cli import with_appcontext
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select

from app import organisation
from app.cli import command_provider
from app.crud.screens import screen_of
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.i18n.languages import LANGUAGES, current_language
from app.i18n.localized import localize
from app.importexport.conditions import describe_conditions, fields_named, select_where
from app.importexport.copying import export_snapshot
from app.importexport.exporter import Chosen, Exporter
from app.importexport.fields import key_fields
from app.importexport.formats import FORMATS, formats_of, write_rows
from app.importexport.importer import Importer
from app.importexport.planning import POLICIES, ImportOptions, ImportPlan, build_plan
from app.importexport.reading import Source
from app.importexport.report import Report
from app.imports.files import CONVERTED, store_any_upload
from app.imports.models import ImportIssue, ImportRun
from app.imports.services import confirm, create_run_of, discard, split_mapping, start_check
from app.jobs.models import STATES, Job
from app.jobs.runner import run_now
from app.log.services import record_security_event
from app.operations.services import FALLBACK_SECONDS
from app.security.actor import SYSTEM
from app.storage.files import find_file

# A command runs its job itself, however many rows it has.
NO_LIMIT = 2**31 - 1


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
    rules = ", ".join(rule.name for rule in importer.rules)

    @click.command(
        "import",
        help=f"Create and update {things} from a CSV, XLSX, ODS, XLS or vCard file; print one JSON object.",
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
    @click.option(
        "--policy",
        "policies",
        multiple=True,
        metavar="HEADER=POLICY",
        help=f"What a column does to what is there: {', '.join(POLICIES)}. Default: overwrite.",
    )
    @click.option(
        "--doubtful",
        type=click.Choice(["leave", "new"]),
        default="leave",
        help="Rows that contradict what they match: leave them out, or add them.",
    )
    @click.option("--restore", is_flag=True, help="Restore and update what is in the trash.")
    @click.option("--entity", default="", help="Name or number of the entity new rows go to.")
    @click.option("--delimiter", default=None, help="What separates cells. Default: detected.")
    @click.option("--encoding", default=None, help="Such as utf-8 or cp1252. Default: detected.")
    @click.option("--sheet", default="", help="Of a spreadsheet. Default: the first with rows.")
    @with_appcontext
    def import_(
        path: str,
        match: str,
        maps: tuple[str, ...],
        dry_run: bool,
        create_values: bool,
        policies: tuple[str, ...],
        doubtful: str,
        restore: bool,
        entity: str,
        delimiter: str | None,
        encoding: str | None,
        sheet: str,
    ) -> None:
        session = db.session()
        try:
            options = ImportOptions(
                country=organisation.country(),
                mapping=dict(split_mapping(text) for text in maps),
                match=match,
                create_values=create_values,
                policies=dict(split_mapping(text) for text in policies),
                doubtful_as_new=doubtful == "new",
                entity=entity,
                repairs={"restores_all": restore},
            )
            run, plan = _check(importer, path, encoding, delimiter, options, sheet)
            if not dry_run:
                job = confirm(
                    session, run, run.plan_hash or "", screen_of(importer.model).key, SYSTEM,
                    at_once=NO_LIMIT,
                )  # fmt: skip
                _run(job)
        except DomainError as error:
            session.rollback()
            exit_with_error(error)
        data = _report(run)
        data |= {
            "file": path,
            "dry_run": dry_run,
            "match": plan.match.name,
            "rules": [rule.name for rule in plan.rules],
            "missing": plan.missing,
            "mapping": plan.mapped,
            "ignored": plan.ignored,
            "encoding": (run.plan or {})["encoding"],
            "delimiter": (run.plan or {})["delimiter"],
            "country": plan.country,
        }
        if dry_run:
            discard(session, run)
            session.commit()
        else:
            data["operation"] = run.operation_id
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))

    return import_


def _check(
    importer: Importer,
    path: str,
    encoding: str | None,
    delimiter: str | None,
    options: ImportOptions,
    sheet: str = "",
) -> tuple[ImportRun, ImportPlan]:
    """Store a file and check it."""
    session = db.session()
    names = [field.name for field in importer.fields()]
    try:
        with open(path, "rb") as content:
            upload = store_any_upload(content, Path(path).name, sys.maxsize, names, sheet)
    except OSError as error:
        reason = error.strerror or ""
        raise DomainError(_("The file can’t be read: %(reason)s.", reason=reason)) from None
    run = create_run_of(session, importer, upload, SYSTEM)
    session.commit()
    stored = find_file(upload.file.key)
    assert stored is not None
    try:
        if upload.original is not None:
            source = Source(stored, **CONVERTED)
        else:
            source = Source(stored, encoding=encoding, delimiter=delimiter)
        plan = build_plan(importer, session, source, SYSTEM, options)
        plan.check()
    except DomainError:
        session.rollback()
        discard(session, run)
        session.commit()
        raise
    _run(start_check(session, run, source, plan, SYSTEM, delay=FALLBACK_SECONDS))
    return session.get_one(ImportRun, run.id, populate_existing=True), plan


def _run(job: Job) -> None:
    """Run a job to its end; DomainError if it failed."""
    number = job.id
    db.session.commit()
    run_now(number, wait_seconds=None)
    ended = db.session.get_one(Job, number, populate_existing=True)
    if ended.state != "done":
        raise DomainError(ended.error or str(STATES[ended.state]))


def _report(run: ImportRun) -> dict[str, Any]:
    """Return the report of an import, with everything that is wrong in the file."""
    session = db.session()
    session.refresh(run)
    report = Report.from_json(run.result or run.checked or {})
    issues = select(ImportIssue).where(ImportIssue.run_id == run.id)
    report.errors = [
        {"row": one.row, "field": one.field, "reason": one.reason}
        for one in session.scalars(issues.order_by(ImportIssue.row, ImportIssue.id))
    ]
    return report.to_dict()


def _export_command(importer: Importer, things: str) -> click.Command:
    @click.command("export", help=f"Print {things} as CSV, or write them as XLSX or vCard.")
    @click.option(
        "--where",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Such as type=member, tag=VIP, entity=North, q=words. Repeat as needed.",
    )
    @click.option("--columns", default="", help="Fields, separated by commas. Default: all.")
    @click.option(
        "--format",
        "name",
        type=click.Choice([one.name for one in formats_of(importer.export_fields())]),
        default="csv",
    )
    @click.option("--keys/--no-keys", default=False, help="With _id and _version of each row.")
    @click.option("--output", type=click.File("wb", lazy=True), default="-")
    @click.option("--language", type=click.Choice(LANGUAGES), default=None)
    @with_appcontext
    def export(
        where: tuple[str, ...],
        columns: str,
        name: str,
        keys: bool,
        output: IO[bytes],
        language: str | None,
    ) -> None:
        session = db.session()
        with ExitStack() as stack:
            with force_locale(language or current_language()), reading():
                reader = stack.enter_context(export_snapshot(session))
                try:
                    query = select_where(session, importer, where, SYSTEM, organisation.country())
                    fields = fields_named(importer, columns)
                    if keys:
                        fields = (*key_fields(importer.model), *fields)
                    fields = FORMATS[name].fields_of(fields, importer.export_fields())
                    exporter = Exporter(reader, importer.model, fields, SYSTEM)
                except DomainError as error:
                    exit_with_error(error)
                chosen = exporter.choose(query, is_whole=not where and name == "csv")
                # End the read-only transaction: the log entry below is written in another.
                session.rollback()
            filters = localize(lambda: describe_conditions(importer, where)) if where else ""
            record_security_event(
                session, "exported", SYSTEM, name=importer.english_label, rows=chosen.count,
                filter=filters, columns=localize(lambda: exporter.labels),
            )  # fmt: skip
            session.commit()
            with force_locale(language or current_language()), reading():
                try:
                    _write(exporter, chosen, name, output)
                except DomainError as error:
                    exit_with_error(error)

    return export


def _write(exporter: Exporter, chosen: Chosen, name: str, output: IO[bytes]) -> None:
    """Write the rows in a format; CSV as it comes, without a byte order mark."""
    if name == "csv":
        for block in exporter.blocks(chosen):
            output.write(block.encode() if isinstance(block, str) else block)
        return
    assert chosen.ids is not None
    with tempfile.TemporaryFile() as file:
        write_rows(FORMATS[name](file, exporter.fields), exporter.cell_rows(chosen.ids))
        file.seek(0)
        shutil.copyfileobj(file, output)


@command_provider
def importer_commands() -> list[click.Command]:
    """Return the group of each importer."""
    return [make_group(importer()) for importer in Importer.all()]
