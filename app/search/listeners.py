"""Write the searchable text of every row the session writes."""

from __future__ import annotations

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.search.models import Searchable, searchables
from app.search.services import index_rows, rename_linked


@event.listens_for(Session, "after_flush")
def _keep_text(session: Session, _context) -> None:
    written = [
        row
        for row in (*session.new, *session.dirty)
        if isinstance(row, Searchable) and (row in session.new or _text_changed(row))
    ]
    index_rows(session, written)
    for row in written:
        if row in session.dirty:
            for model in searchables():
                if model.search_linked and _target(model) is type(row):
                    rename_linked(session, model, row)


def _text_changed(row: Searchable) -> bool:
    state = inspect(row)
    return any(
        state.attrs[attribute.key].history.has_changes()
        for attribute in state.mapper.column_attrs
        if attribute.key not in ("version", "updated_at", "trashed_at", "trashed_by_id")
    )


def _target(model: type[Searchable]) -> type:
    return inspect(model).relationships[model.search_linked].mapper.class_
