"""Saved views of lists, and the keys of forms that were sent."""

from __future__ import annotations

from datetime import datetime

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, or_
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.log.models import Logged
from app.models import VersionedRow
from app.security.actor import Actor
from app.types import UTCDateTime, now


class SavedView(Model, VersionedRow, Logged):
    """A named view of a list: private to its owner, or shared with the users of a role.

    ``query`` is the query string of the list's address, without a page.
    """

    __tablename__ = "saved_view"
    __table_args__ = (Index("ix_saved_view_list", "list_name", "owner_id"),)

    list_name: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(60), info={"label": _l("Name")})
    query: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    role_id: Mapped[int | None] = mapped_column(ForeignKey("ab_role.id", ondelete="CASCADE"))

    role = relationship("Role", info={"label": _l("Shared with")})

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition: owned by the actor, or shared with one of their roles."""
        return or_(cls.owner_id == actor.id, cls.role_id.in_(sorted(actor.role_ids)))

    def __str__(self) -> str:
        return self.name


class FormSubmission(Model):
    """A form that created a row; kept a day, so that the same form sent again creates none.

    ``key`` is a digest of the key of the form and its user, ``content`` one of what was typed.
    """

    __tablename__ = "form_submission"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    row_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, index=True)
