"""The table of jobs: what each does, its progress and its lease."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import User
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from app.i18n.localized import LocalizedText
from app.security.actor import Actor
from app.security.scope import entity_in_reach
from app.types import Json, UTCDateTime, now

STATES = {
    "queued": _l("Waiting"),
    "running": _l("Running"),
    "done": _l("Done"),
    "failed": _l("Failed"),
    "cancelled": _l("Cancelled"),
}
# Jobs that have not ended.
LIVE_STATES = ("queued", "running")
# Jobs that ended before they were done.
STOPPED_STATES = ("failed", "cancelled")


class Job(Model):
    """Work done in chunks, each committed together with ``cursor``, the last row processed.

    ``owner`` is the worker that runs it, until ``lease_until``; after that any worker may claim
    it. ``done`` and ``total`` count rows for the progress bar. ``key`` is an idempotency key.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_due", "state", "run_at"),
        Index("ix_job_actor", "actor_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    # The parameters of the kind, never a secret. Also ``title`` in every language and ``key_id``,
    # the API key it was asked for with.
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    # In the language of the user who asked for it.
    title: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[str] = mapped_column(
        String(12),
        default="queued",
        info={"kind": "choice", "choices": STATES, "label": _l("State")},
    )
    key: Mapped[str | None] = mapped_column(String(120), unique=True)
    cursor: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int | None]
    done: Mapped[int] = mapped_column(default=0)
    # Claims since the cursor last advanced.
    attempts: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Not claimed before this time.
    run_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    is_cancelled: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = mapped_column(String(400), default="")
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    actor_name: Mapped[str] = mapped_column(String(160), default="")
    channel: Mapped[str] = mapped_column(String(16), default="web")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition of the actor's own jobs; for colleagues' see ``colleagues_scope``."""
        return cls.actor_id == actor.id

    @classmethod
    def colleagues_scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition of jobs of users in the actor's entities.

        An actor without such a limit also gets the jobs of no user.
        """
        if actor.entity_ids is None:
            return or_(cls.actor_id.is_(None), cls.actor_id.is_not(None))
        # The room ``staff``, above this one, adds the column entity_id.
        users = User.__table__
        return cls.actor_id.in_(
            select(users.c.id).where(entity_in_reach(users.c.entity_id, actor))
        )

    @property
    def localized_title(self) -> LocalizedText:
        """Return the title in every language."""
        return LocalizedText(self.payload.get("title") or {"": self.title})

    @property
    def is_live(self) -> bool:
        """Return True if it is queued or running."""
        return self.state in LIVE_STATES
