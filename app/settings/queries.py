"""Read the rows of the settings, and their log."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.log.models import LogEntry
from app.settings.models import StoredSetting


def stored_rows(session: Session) -> dict[str, StoredSetting]:
    """Return the rows of the settings that were ever set, by key, as they are now."""
    query = select(StoredSetting).execution_options(populate_existing=True)
    return {row.key: row for row in session.scalars(query)}


def settings_log(
    session: Session, *, before: int | None = None, limit: int = 50
) -> Sequence[LogEntry]:
    """Return the log entries of all settings, newest first."""
    query = select(LogEntry).where(LogEntry.subject_type == StoredSetting.__tablename__)
    if before is not None:
        query = query.where(LogEntry.id < before)
    return session.scalars(query.order_by(LogEntry.id.desc()).limit(limit)).all()
