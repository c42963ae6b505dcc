"""Update the search texts of the rows that the session flushes."""

from __future__ import annotations

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.changed import changed_attributes
from app.search.models import Searchable
from app.search.services import index_rows, update_linked_names

# Columns of which no search text is made.
_NEVER = frozenset({"version", "updated_at", "trashed_at", "trashed_by_id"})


@event.listens_for(Session, "after_flush")
def _update_search_texts(session: Session, _context) -> None:
    changed = [
        row
        for row in (*session.new, *session.dirty)
        if isinstance(row, Searchable) and (row in session.new or _has_changed_columns(row))
    ]
    index_rows(session, changed)
    for row in changed:
        if row in session.dirty:
            update_linked_names(session, type(row), {row.id: str(row)})


def _has_changed_columns(row: Searchable) -> bool:
    changed = changed_attributes(row) - _NEVER
    if row.search_columns is None:
        columns = inspect(type(row)).column_attrs
        return any(name in columns for name in changed)
    return not changed.isdisjoint(row.search_columns)
