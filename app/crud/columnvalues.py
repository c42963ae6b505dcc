"""The different values of a column that has an index."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, String, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

# No more different values are read from an index one by one.
MAX_LISTED = 5_000


def is_indexed(column: Column) -> bool:
    """Return True if an index of the table begins with the column."""
    return any(next(iter(index.columns)) is column for index in column.table.indexes)


def is_stored_in_order(column: Column) -> bool:
    """Return True if the stored values sort as people expect, alike on both databases.

    These are dates and numbers, and the texts that are compared byte by byte: sort keys, e-mails.
    """
    if not isinstance(column.type, String):
        return True
    stored = column.type.dialect_impl(postgresql.dialect())
    return getattr(stored, "collation", None) == "C" and "choices" not in column.info


def list_values(session: Session, column: Column, *, cap: int = MAX_LISTED) -> list[Any] | None:
    """Return the different values of a column, or None if there are more than ``cap``.

    For a column with an index over the rows that are not in the trash: each value is the least
    one above that before it, so that the database reads as many rows as there are values.
    """
    table = column.table
    live = [table.c.trashed_at.is_(None)] if "trashed_at" in table.c else []
    rows = table.alias()
    first = select(func.min(table.c[column.name])).where(*live).scalar_subquery()
    found = select(first.label("value")).cte("found", recursive=True)
    live = [rows.c.trashed_at.is_(None)] if live else []
    following = select(func.min(rows.c[column.name])).where(
        rows.c[column.name] > found.c.value, *live
    )
    step = select(following.scalar_subquery()).where(found.c.value.is_not(None))
    found = found.union_all(step)
    query = select(found.c.value).where(found.c.value.is_not(None)).limit(cap + 1)
    values = list(session.connection().scalars(query))
    return None if len(values) > cap else values
