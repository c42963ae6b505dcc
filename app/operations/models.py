"""An operation: a collective action asked for, confirmed, done and perhaps undone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.i18n.localized import Said, Sentence
from app.jobs.models import STOPPED, Job
from app.types import Json, Moment, now

# What became of a row: the colour it is shown in, and the word.
OUTCOMES = {
    "changed": _l("applied"),
    "already": _l("no change needed"),
    "skipped": _l("skipped"),
    "refused": _l("not permitted"),
    "failed": _l("failed"),
}
# What was not begun before the operation was stopped.
LEFT = "left"
# What became of it when the operation was undone.
UNDONE = {"undone": _l("as before"), "kept": _l("left as it is")}


class Operation(Model):
    """A collective action on a selection of rows.

    ``selection`` is ``{"ids": […]}``, or a list with its filter, ``{"view", "on", "except"}``, or
    ``{"where": […]}`` of the command line; confirmed, it is frozen into items. ``answers`` holds
    the form as it was filled in, ``plan`` the verbs it came to, which is what undo goes by.
    """

    __tablename__ = "operation"
    __table_args__ = (Index("ix_operation_actor", "actor_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(48))
    # The table of the rows it is about.
    subject_type: Mapped[str] = mapped_column(String(48))
    selection: Mapped[dict[str, Any]] = mapped_column(Json)
    # The selection and the answers in words, as they were called when it was asked for.
    selection_text: Mapped[Said] = mapped_column(Sentence, default="")
    answers: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    answers_text: Mapped[Said] = mapped_column(Sentence, default="")
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
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Empty as long as it is a draft.
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    undo_until: Mapped[datetime | None] = mapped_column(Moment)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    undo_job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    # What a program called its request, and what it sent: the same once more is no other operation.
    request_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    request_digest: Mapped[str | None] = mapped_column(String(64))

    job: Mapped[Job | None] = relationship(foreign_keys=[job_id])
    undo_job: Mapped[Job | None] = relationship(foreign_keys=[undo_job_id])

    @property
    def is_draft(self) -> bool:
        """Say whether it is not confirmed yet."""
        return self.confirmed_at is None

    @property
    def is_undone(self) -> bool:
        """Say whether its undoing was asked for, and has not been stopped half-way."""
        return self.undo_job_id is not None and not self.is_half_undone

    @property
    def is_half_undone(self) -> bool:
        """Say whether its undoing was stopped before its end."""
        return self.undo_job is not None and self.undo_job.state in STOPPED


class OperationItem(Model):
    """One row of a frozen selection: what became of it, and what it was before.

    ``outcome`` is empty until its turn. ``reason`` is a code of the action or of the engine, or a
    sentence. ``before`` maps each verb that changed the row to what it needs for undoing that.
    """

    __tablename__ = "operation_item"
    # A row is written once and changed once or twice: room beside it keeps its index as it is.
    __table_args__ = ({"postgresql_with": {"fillfactor": "70"}},)

    operation_id: Mapped[int] = mapped_column(
        ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    outcome: Mapped[str | None] = mapped_column(String(8))
    reason: Mapped[str | None] = mapped_column(String(200))
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    undone: Mapped[str | None] = mapped_column(String(8))
    undone_reason: Mapped[str | None] = mapped_column(String(200))
