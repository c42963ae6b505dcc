"""Helpers to import and export rows of any model in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import select

from app.crud.screens import screen_of
from app.errors import DomainError
from app.extensions import db
from app.importexport.conditions import fields_named, select_where
from app.importexport.exporter import Exporter
from app.importexport.fields import key_fields
from app.importexport.formats import FORMATS
from app.importexport.importer import Importer
from app.importexport.planning import ImportOptions, build_plan
from app.importexport.reading import Source
from app.importexport.report import Report
from app.imports import services
from app.imports.files import CONVERTED, store_any_upload
from app.imports.jobs.base import ImportJob
from app.imports.models import ImportIssue, ImportRun
from app.imports.plans import get_importer
from app.jobs.chunk_sizing import ChunkSizer
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.operations.models import Operation
from app.security.actor import SYSTEM, Actor, acting_as
from app.storage.files import find_file

NO_LIMIT = 10**9


def import_file(
    importer: Importer, path: Path, actor: Actor = SYSTEM, *, dry_run: bool = False, **options: Any
) -> Report:
    """Check a file, and import it unless it is a dry run; return the report with all errors."""
    size = options.pop("chunk_size", 1000)
    run = check_file(importer, path, actor, size, **options)
    if not dry_run:
        run = run_checked(run, actor, size)
    return report_of(run)


def check_file(
    importer: Importer, path: Path, actor: Actor = SYSTEM, size: int = 1000, **options: Any
) -> ImportRun:
    """Upload and check a file, so many rows at a time."""
    session = db.session()
    with path.open("rb") as content:
        names = [field.name for field in importer.fields()]
        upload = store_any_upload(content, path.name, 10**9, names, options.pop("sheet", ""))
    run = services.create_run_of(session, importer, upload, actor)
    session.commit()
    with acting_as(actor):
        stored = find_file(run.file_key)
        assert stored is not None
        source = Source(stored, **({} if upload.original is None else CONVERTED))
        plan = build_plan(importer, session, source, actor, ImportOptions(country="ES", **options))
        plan.check()
        run_job(services.start_check(session, run, source, plan, actor, delay=30), size)
    return db.session.get_one(ImportRun, run.id, populate_existing=True)


def run_checked(run: ImportRun, actor: Actor = SYSTEM, size: int = 1000) -> ImportRun:
    """Import what was checked, so many rows at a time."""
    with acting_as(actor):
        key = screen_of(get_importer(run.importer).model).key
        job = services.confirm(
            db.session(), run, run.plan_hash or "", key, actor, at_once=NO_LIMIT
        )
        run_job(job, size)
    return db.session.get_one(ImportRun, run.id, populate_existing=True)


def undo(run: ImportRun, actor: Actor = SYSTEM, size: int = 1000) -> Operation:
    """Undo an import, so many rows at a time."""
    with acting_as(actor):
        run_job(services.undo(db.session(), run, actor, at_once=NO_LIMIT), size)
    return db.session.get_one(Operation, run.operation_id, populate_existing=True)


def run_job(job: Job, size: int) -> None:
    """Run a job to its end, in chunks of so many rows."""
    number = job.id
    db.session.commit()
    clamp = patch.object(ChunkSizer, "_clamp", lambda _self, _size: size)
    is_small = patch.object(ImportJob, "min_chunk_size", 1)
    with clamp, is_small, patch.object(ChunkSizer, "pause", lambda _self: None):
        run_now(number)
    job = db.session.get_one(Job, number, populate_existing=True)
    if job.state == "failed":
        raise DomainError(job.error)
    assert job.state == "done", (job.state, job.error)


def report_of(run: ImportRun) -> Report:
    """Return the report of an import, with its errors."""
    report = Report.from_json(run.result or run.checked or {})
    issues = select(ImportIssue).where(ImportIssue.run_id == run.id)
    report.errors = [
        {"row": one.row, "field": one.field, "reason": one.reason}
        for one in db.session.scalars(issues.order_by(ImportIssue.row, ImportIssue.id))
    ]
    return report


def export_text(
    importer: Importer, actor: Actor = SYSTEM, where: tuple[str, ...] = (), columns: str = ""
) -> str:
    """Return rows as CSV."""
    session = db.session()
    query = select_where(session, importer, where, actor, "ES")
    fields = fields_named(importer, columns)
    exporter = Exporter(session, importer.model, fields, actor)
    return "".join(exporter.lines(exporter.select_ids(query)))


def counts(report: Report) -> dict[str, int]:
    """Return the outcomes of a report whose count is not zero."""
    names = ("new", "updated", "unchanged", "skipped", "conflict", "invalid")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def export_file(
    importer: Importer, path: Path, name: str = "csv", actor: Actor = SYSTEM, *, ids: bool = True
) -> Path:
    """Write all rows with all fields into a file of a format."""
    session = db.session()
    fields = (*(key_fields(importer.model) if ids else ()), *importer.export_fields())
    fields = FORMATS[name].fields_of(fields, importer.export_fields())
    exporter = Exporter(session, importer.model, fields, actor)
    with path.open("wb") as file:
        writer = FORMATS[name](file, fields, ";")
        query = select_where(session, importer, (), actor, "ES")
        for cells in exporter.cell_rows(exporter.select_ids(query)):
            writer.write(cells)
        writer.close()
    return path
