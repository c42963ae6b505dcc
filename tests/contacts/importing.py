"""Helpers to import and export contacts in tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.contacts.importers import ContactImporter
from app.importexport.report import Report
from app.security.actor import SYSTEM, Actor
from tests.importexport import importing
from tests.importexport.importing import counts

__all__ = ["Importing", "counts", "export_text", "import_file"]

Importing = Callable[..., Report]


def import_file(
    path: Path, actor: Actor = SYSTEM, *, dry_run: bool = False, **options: Any
) -> Report:
    """Import a file of contacts."""
    return importing.import_file(ContactImporter(), path, actor, dry_run=dry_run, **options)


def export_text(actor: Actor = SYSTEM, where: tuple[str, ...] = (), columns: str = "") -> str:
    """Return contacts as CSV."""
    return importing.export_text(ContactImporter(), actor, where, columns)
