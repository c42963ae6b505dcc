"""Helpers to import and export rows of any model in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.extensions import db
from app.importexport.conditions import fields_named, select_where
from app.importexport.exporter import Exporter
from app.importexport.importer import Importer
from app.importexport.planning import ImportOptions, build_plan
from app.importexport.reading import Source
from app.importexport.report import Report
from app.importexport.running import run_import
from app.security.actor import SYSTEM, Actor


def import_file(
    importer: Importer, path: Path, actor: Actor = SYSTEM, *, dry_run: bool = False, **options: Any
) -> Report:
    """Import a file."""
    size = options.pop("chunk_size", 1000)
    source = Source(path)
    session = db.session()
    plan = build_plan(importer, session, source, actor, ImportOptions(country="ES", **options))
    return run_import(session, source, plan, actor, dry_run=dry_run, chunk_size=size)


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
