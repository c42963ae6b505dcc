"""What the columns of a file may do to the stored rows: overwrite, fill in, add, erase."""

from __future__ import annotations

from typing import Any

from app.importexport.fields import (
    AppendedField,
    CsvField,
    ForeignKeyField,
    KeyField,
    ManyToManyField,
)
from app.importexport.lookups import LinkedRow
from app.importexport.rows import ImportRow


def apply_policies(policies: dict[str, str], fields: dict[str, CsvField], row: ImportRow) -> None:
    """Drop from a matched row what must not overwrite, and add what an empty cell erases."""
    stored = row.stored or {}
    for name, policy in policies.items():
        field = fields[name]
        if isinstance(field, ManyToManyField | AppendedField | KeyField):
            continue
        is_link = isinstance(field, ForeignKeyField)
        is_empty = name not in row.texts if is_link else field.key not in row.values
        if policy == "fill" and stored[field.key] not in (None, ""):
            row.texts.pop(name, None)
            row.values.pop(field.key, None)
        elif policy == "erase" and is_empty and stored[field.key] not in (None, ""):
            row.values[field.key] = None


def merge_links(
    policy: str, stored_links: list[int], labels: dict[int, str], given: list[LinkedRow] | None
) -> list[LinkedRow] | None:
    """Return the links that a matched row gets by a column of several values; None: as they are."""
    old = [LinkedRow(pk, labels.get(pk, "")) for pk in stored_links]
    if policy == "erase":
        return given or []
    if given is None or (policy == "fill" and old):
        return None
    if policy == "add":
        known = {linked.id for linked in old}
        return [*old, *(linked for linked in given if linked.id not in known)]
    return given


def count_erased(changes: dict[str, tuple[Any, Any]]) -> int:
    """Return how many fields a row loses."""
    return sum(new in (None, []) for key, (_old, new) in changes.items() if key != "trashed_at")
