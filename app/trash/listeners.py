"""Hide trashed rows from all queries that do not ask for them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, with_loader_criteria

from app.trash.models import Trashable

_NOT_TRASHED = with_loader_criteria(
    Trashable, lambda cls: cls.trashed_at.is_(None), include_aliases=True
)


@event.listens_for(Session, "do_orm_execute")
def _hide_trashed(state) -> None:
    """Exclude trashed rows, unless the statement has the execution option ``with_trash``.

    Loads of deferred or expired columns are left alone: the row itself is loaded already.
    """
    if (
        state.is_select
        and not state.is_column_load
        and not state.execution_options.get("with_trash")
    ):
        state.statement = without_trash(state.statement)


def without_trash(statement: Any) -> Any:
    """Return a SELECT without trashed rows, for one that no session executes."""
    return statement.options(_NOT_TRASHED)
