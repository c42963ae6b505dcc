"""Helpers to import and export contacts in tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.contacts.importers import ContactImporter
from app.contacts.models import Contact
from app.extensions import db
from app.importexport.conditions import fields_named, select_where
from app.importexport.exporter import Exporter
from app.importexport.importer import ImportOptions
from app.importexport.reading import Source
from app.importexport.report import Report
from app.importexport.running import run_import
from app.security.actor import SYSTEM, Actor

Importing = Callable[..., Report]


def import_file(
    path: Path, actor: Actor = SYSTEM, *, dry_run: bool = False, **options: Any
) -> Report:
    """Import a file of contacts."""
    size = options.pop("chunk_size", 1000)
    source = Source(path)
    session = db.session()
    plan = ContactImporter().build_plan(
        session, source, actor, ImportOptions(country="ES", **options)
    )
    return run_import(session, source, plan, actor, dry_run=dry_run, chunk_size=size)


def export_text(actor: Actor = SYSTEM, where: tuple[str, ...] = (), columns: str = "") -> str:
    """Return contacts as CSV."""
    session = db.session()
    query = select_where(session, ContactImporter(), where, actor, "ES")
    fields = fields_named(ContactImporter(), columns)
    return "".join(Exporter(session, Contact, fields, actor).lines(query))


def counts(report: Report) -> dict[str, int]:
    """Return the outcomes of a report whose count is not zero."""
    names = ("new", "updated", "unchanged", "skipped", "invalid")
    return {name: getattr(report, name) for name in names if getattr(report, name)}
