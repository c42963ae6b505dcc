"""Hide what is in the trash from every query that does not ask for it."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session, with_loader_criteria

from app.trash.models import Trashable

_NOT_TRASHED = with_loader_criteria(
    Trashable, lambda cls: cls.trashed_at.is_(None), include_aliases=True
)


@event.listens_for(Session, "do_orm_execute")
def _hide_trashed(state) -> None:
    """Leave trashed rows out, unless the statement carries ``with_trash``.

    A row's own columns are always loaded: it was found by somebody who asked for it.
    """
    if (
        state.is_select
        and not state.is_column_load
        and not state.execution_options.get("with_trash")
    ):
        state.statement = state.statement.options(_NOT_TRASHED)
