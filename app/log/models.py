"""Log entries, and the mark of the models that are logged."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.types import Json, Moment, now

EVENTS = {
    "created": _l("created the file"),
    "changed": _l("changed"),
    "trashed": _l("moved the file to the trash"),
    "restored": _l("restored the file"),
    "purged": _l("deleted the file for good"),
}
CHANNELS = {
    "web": _l("web"),
    "cli": _l("command line"),
    "import": _l("import"),
}


class LogEntry(Model):
    """One thing done to one row.

    ``changes`` maps a field to ``[old, new]``. A plain value is written as JSON writes it (a
    day or a moment in ISO 8601); a linked row as ``[id, label]``; many linked rows as a list of
    those. There are no foreign keys: the log outlives what it tells of.
    """

    __tablename__ = "log_entry"
    __table_args__ = (Index("ix_log_entry_subject", "subject_type", "subject_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, default=now)
    actor_id: Mapped[int | None]
    actor_name: Mapped[str] = mapped_column(String(160))
    channel: Mapped[str] = mapped_column(String(16))
    event: Mapped[str] = mapped_column(String(32))
    subject_type: Mapped[str] = mapped_column(String(48))
    subject_id: Mapped[int]
    subject_name: Mapped[str] = mapped_column(String(200))
    version: Mapped[int | None]
    changes: Mapped[dict[str, Any] | None] = mapped_column(Json)


class Logged:
    """A row whose every change is written to the log by the session itself."""

    # Kept by the program for its own needs; a change of these alone tells nobody anything.
    __unlogged__: ClassVar[frozenset[str]] = frozenset(
        {
            "id",
            "version",
            "created_at",
            "updated_at",
            "sort_name",
            "path",
            "trashed_at",
            "trashed_by_id",
        }
    )
