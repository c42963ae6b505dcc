"""A job: what is to be done, how far it is, and who is at it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import User
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from app.i18n.localized import Said
from app.security.actor import Actor
from app.security.scope import within
from app.types import Json, Moment, now

STATES = {
    "queued": _l("waiting"),
    "running": _l("running"),
    "done": _l("done"),
    "failed": _l("failed"),
    "cancelled": _l("cancelled"),
}
# What is still going on.
LIVE = ("queued", "running")
# What ended before its time.
STOPPED = ("failed", "cancelled")


class Job(Model):
    """Work done in chunks, each committed together with ``cursor``, the place reached.

    ``owner`` is the worker at it, until ``lease_until``; after that anybody may take it up.
    ``done`` of ``total`` are counted for people. ``key`` makes the same request twice one job.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_due", "state", "run_at"),
        Index("ix_job_actor", "actor_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    # What the kind needs to know, and nothing that opens a door. Besides, ``title`` in every
    # language, and ``key_id``, the key of the API it was asked for with.
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    # What it is called, in the language of whoever asked for it.
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
    # Times it was taken up since it last got further.
    attempts: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    # Not taken up before this moment.
    run_at: Mapped[datetime] = mapped_column(Moment, default=now)
    is_cancelled: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = mapped_column(String(400), default="")
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    actor_name: Mapped[str] = mapped_column(String(160), default="")
    channel: Mapped[str] = mapped_column(String(16), default="web")
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """See one's own jobs; the pages show those of colleagues to whom they may be shown."""
        return cls.actor_id == actor.id

    @classmethod
    def of_colleagues(cls, actor: Actor) -> ColumnElement[bool]:
        """See the jobs of the users within reach; of nobody's, whoever reaches everything."""
        if actor.entity_ids is None:
            return or_(cls.actor_id.is_(None), cls.actor_id.is_not(None))
        # The column is added by the room of users, further up.
        people = User.__table__
        return cls.actor_id.in_(select(people.c.id).where(within(people.c.entity_id, actor)))

    @property
    def said_title(self) -> Said:
        """Return what it is called, in every language."""
        return Said(self.payload.get("title") or {"": self.title})

    @property
    def is_live(self) -> bool:
        """Say whether it waits or runs."""
        return self.state in LIVE
