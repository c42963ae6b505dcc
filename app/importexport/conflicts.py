"""Reject the rows of an exported file that have been changed here since it was exported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import and_, or_, select

from app.importexport.fields import CsvField, ForeignKeyField, ManyToManyField, ValueField
from app.importexport.lookups import LinkedRow
from app.importexport.rows import ImportRow
from app.log.models import LogEntry

# Entries of the log that are read of the rows of a chunk: what was before may be unknown.
_MAX_ENTRIES = 20_000
_UNKNOWN = object()


def reject_changed_rows(diff: Any) -> None:
    """Make conflicts of updated rows whose version in the file is older than the stored one.

    Each field that differs says what the file has, what is stored, and what it was when the file
    was exported, as the log knows.
    """
    rows = [
        row
        for row in diff.rows
        if row.outcome == "updated"
        and row.given_version is not None
        and row.given_id == row.row_id
        and row.given_version < row.was_version
    ]
    if not rows:
        return
    before = _values_before(diff, rows)
    fields: dict[str, CsvField] = {field.key: field for field in diff.plan.fields}
    for row in rows:
        for key, (stored, new) in sorted(row.changes.items()):
            field = fields[key]
            was = before.get((row.row_id, key), stored)
            row.reject("conflict", field.name, _sentence(field, new, stored, was))


def _sentence(field: CsvField, new: Any, stored: Any, was: Any) -> str:
    yours, here = _show(field, new), _show(field, stored)
    if was is _UNKNOWN:
        return _(
            "Changed here since the export. In the file: “%(yours)s”. Here: “%(here)s”.",
            yours=yours, here=here,
        )  # fmt: skip
    return _(
        "Changed here since the export. In the file: “%(yours)s”. Here: “%(here)s”. It was: “%(was)s”.",
        yours=yours, here=here, was=_show(field, was),
    )  # fmt: skip


def _show(field: CsvField, value: Any) -> str:
    return display_value(value, field.field_type if isinstance(field, ValueField) else None)[:100]


def display_value(value: Any, field_type: Any) -> str:
    """Return the text shown for a value, a linked row or a list of linked rows."""
    if value is None:
        return ""
    if isinstance(value, LinkedRow):
        return value.label
    if isinstance(value, list):
        return ", ".join(linked.label for linked in value)
    return str(field_type.show(value))[:200]


def _values_before(diff: Any, rows: list[ImportRow]) -> dict[tuple[int, str], Any]:
    """Return (id, key of a field) → what it held at the version of the file, if it has changed."""
    since = or_(*(
        and_(LogEntry.subject_id == row.row_id, LogEntry.version > row.given_version)
        for row in rows
    ))  # fmt: skip
    query = (
        select(LogEntry.subject_id, LogEntry.changes)
        .where(LogEntry.subject_type == diff.model.__tablename__, since)
        .order_by(LogEntry.id)
        .limit(_MAX_ENTRIES)
    )
    names = {name: field for field in diff.plan.fields for name in (field.name, field.key)}
    found: dict[tuple[int, str], Any] = {}
    for row_id, changes in diff.session.execute(query):
        for name, pair in (changes or {}).items():
            if (field := names.get(name)) is not None:
                found.setdefault((row_id, field.key), _from_log(field, pair[0]))
    return found


def _from_log(field: CsvField, value: Any) -> Any:
    """Return a value that the log stores as the rows of an import have it."""
    if isinstance(field, ManyToManyField):
        return [LinkedRow(*pair) for pair in _pairs(value)]
    if isinstance(field, ForeignKeyField):
        return LinkedRow(*value) if isinstance(value, list) else None
    assert isinstance(field, ValueField)
    try:
        return field.field_type.from_json(value)
    except (TypeError, ValueError, ArithmeticError):
        return _UNKNOWN


def _pairs(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()
