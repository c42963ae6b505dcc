"""Read the log of one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.log.models import LogEntry
from app.subjects import is_about


def get_entries(
    session: Session, row: Any, *, before: int | None = None, limit: int = 50
) -> Sequence[LogEntry]:
    """Return the entries of a row, newest first; ``before`` is the id of the last one shown."""
    query = select(LogEntry).where(is_about(LogEntry, row))
    if before is not None:
        query = query.where(LogEntry.id < before)
    return session.scalars(query.order_by(LogEntry.id.desc()).limit(limit)).all()


def select_entry_ids(row: Any) -> Select[Any]:
    """Select the ids of the entries of a row."""
    return select(LogEntry.id).where(is_about(LogEntry, row))


def changes_since(session: Session, row: Any, version: int) -> list[LogEntry]:
    """Return the entries of a row newer than ``version``, oldest first."""
    return list(
        session.scalars(
            select(LogEntry)
            .where(is_about(LogEntry, row), LogEntry.version > version)
            .order_by(LogEntry.id)
        )
    )
