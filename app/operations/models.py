"""Operations: collective actions that were requested, confirmed, run and possibly undone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import JSON, ForeignKey, Index, Integer, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.i18n.localized import LocalizedText, LocalizedTextType
from app.jobs.models import STOPPED_STATES, Job
from app.types import Json, UTCDateTime, now

# The outcomes of a row, and their labels; an action may have its own for “already”.
OUTCOMES = {
    "changed": _l("Changed"),
    "already": _l("Unchanged"),
    "skipped": _l("Skipped"),
    "refused": _l("Not permitted"),
    "failed": _l("Failed"),
}
# The outcomes that have a reason.
LEFT_OUT = ("refused", "skipped")
# The outcome of rows that were not processed when the operation was cancelled.
NOT_STARTED = "left"
# The outcomes of a row when the operation is undone.
UNDO_OUTCOMES = {"undone": _l("Undone"), "kept": _l("Not undone")}


class Operation(Model):
    """A collective action on a selection of rows.

    ``selection`` names the list by its screen's ``key``, and its rows: ``{"list", "ids", "on"}``, or
    all that a filter finds, ``{"list", "on", "except"}``, or the conditions of the command line,
    ``{"list", "where"}``. Confirming freezes it (``FrozenRows``). ``answers`` holds the values of the
    form, ``plan`` the verbs as JSON; undoing uses the plan.
    """

    __tablename__ = "operation"
    __table_args__ = (Index("ix_operation_actor", "actor_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(48))
    # The table of its rows.
    subject_type: Mapped[str] = mapped_column(String(48))
    selection: Mapped[dict[str, Any]] = mapped_column(Json)
    # The selection and the answers for people, with the labels of the time of the request.
    selection_text: Mapped[LocalizedText] = mapped_column(LocalizedTextType, default="")
    answers: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    answers_text: Mapped[LocalizedText] = mapped_column(LocalizedTextType, default="")
    plan: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    matched: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    already: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    undone: Mapped[int] = mapped_column(default=0)
    kept: Mapped[int] = mapped_column(default=0)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    actor_name: Mapped[str] = mapped_column(String(160), default="")
    channel: Mapped[str] = mapped_column(String(16), default="web")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    # Empty for a draft.
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undo_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    undo_job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    # Digests of the Idempotency-Key and the body of an API request: a repeated one is recognised.
    request_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    request_digest: Mapped[str | None] = mapped_column(String(64))

    job: Mapped[Job | None] = relationship(foreign_keys=[job_id])
    undo_job: Mapped[Job | None] = relationship(foreign_keys=[undo_job_id])

    @property
    def is_draft(self) -> bool:
        """Return True if it is not confirmed yet."""
        return self.confirmed_at is None

    @property
    def is_undone(self) -> bool:
        """Return True if undoing was requested and has not been stopped before its end."""
        return self.undo_job_id is not None and not self.is_partly_undone

    @property
    def is_partly_undone(self) -> bool:
        """Return True if undoing was stopped before its end."""
        return self.undo_job is not None and self.undo_job.state in STOPPED_STATES


class FrozenRows(Model):
    """Some thousand ids of a frozen selection, in ascending order.

    Rows of it that have no item are not processed yet.
    """

    __tablename__ = "frozen_rows"

    operation_id: Mapped[int] = mapped_column(
        ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # The last of the ids.
    last_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    ids: Mapped[list[int]] = mapped_column(JSON().with_variant(ARRAY(Integer), "postgresql"))


class OperationItem(Model):
    """The outcome of one processed row, and what the row held before.

    ``reason`` is a code of the action or of the engine, or a sentence. ``before`` holds, by verb,
    what undoing its change needs.
    """

    __tablename__ = "operation_item"
    # Undoing updates a row: free space in its page spares PostgreSQL the index update.
    __table_args__ = ({"postgresql_with": {"fillfactor": "70"}},)

    # No foreign key: to check it took longer than to write the row. The transaction that writes an
    # item counts it in its operation, which is not deleted while it has items.
    operation_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    outcome: Mapped[str | None] = mapped_column(String(8))
    reason: Mapped[str | None] = mapped_column(String(200))
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    undone: Mapped[str | None] = mapped_column(String(8))
    undone_reason: Mapped[str | None] = mapped_column(String(200))


class OperationReason(Model):
    """How many rows of an operation were left out for one reason, with one outcome.

    Kept beside the items, which nobody has to count again, and deleted with them.
    """

    __tablename__ = "operation_reason"

    operation_id: Mapped[int] = mapped_column(
        ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    outcome: Mapped[str] = mapped_column(String(8), primary_key=True)
    reason: Mapped[str] = mapped_column(String(200), primary_key=True)
    count: Mapped[int]
