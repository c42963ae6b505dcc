"""Users and roles of the back-office: extensions of Flask-AppBuilder's models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, ClassVar

from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import PermissionView, Role, User
from flask_babel import lazy_gettext as _l
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Integer,
    String,
    and_,
    inspect,
    or_,
)
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from app.entities.models import Entity
from app.entities.queries import reach_of_user, subtree_ids
from app.i18n.clock import today
from app.log.models import Logged
from app.outbox.models import Recipient
from app.security.actor import Actor, ActorKind
from app.security.rights import is_administrator
from app.security.roles import role_label
from app.security.scope import entity_in_reach
from app.trash.models import Trashable
from app.types import FoldedText, Json, UTCDateTime, now

LANGUAGE_CHOICES = {"en": _l("English"), "es": _l("Spanish")}


# The field types of columns that Flask-AppBuilder declares.
User.__table__.c.email.info["kind"] = "email"
User.__table__.c.username.info["kind"] = "identifier"
Role.__table__.c.name.info["kind"] = "identifier"


# The names of seeded roles are translated.
Role.__str__ = lambda role: role_label(role.name)  # type: ignore[method-assign]
# Roles are logged and versioned, like the models of this program.
Role.__unlogged__ = Logged.__unlogged__ | {"user"}  # type: ignore[attr-defined]
Role.version = Column(Integer, nullable=False, default=1, server_default="1")
Role.updated_at = Column(UTCDateTime, default=now, onupdate=now)
# Every member of staff may see the names of roles, and the permissions that roles are made of.
for _open in (Role, PermissionView):
    _open.is_open_to_staff = True  # type: ignore[attr-defined]
# Users with the role must log in with a second factor.
Role.needs_second_factor = Column(
    Boolean,
    nullable=False,
    default=False,
    server_default="0",
    info={"label": _l("Two-factor authentication required")},
)
inspect(Role).version_id_col = Role.__table__.c.version
# Logged needs the old values; Flask-AppBuilder's class was mapped without active history.
for _attribute in (Role.name, Role.needs_second_factor):
    _attribute.impl.active_history = True
# The log records who created and changed a user; these foreign keys would prevent deletion.
for _column in (User.__table__.c.created_by_fk, User.__table__.c.changed_by_fk):
    _column.default = None


class StaffUser(User, Trashable, Logged, Recipient):
    """A user of the back-office; sees the rows of their entity and of all below it."""

    # A listener checks the privileges of the actor who changes a user: set-based statements bypass it.
    is_changed_row_by_row: ClassVar[bool] = True
    __unlogged__ = Logged.__unlogged__ | {
        "password",
        "totp_secret",
        "totp_step",
        "last_login",
        "login_count",
        "fail_login_count",
        "created_on",
        "changed_on",
        "created_by_fk",
        "changed_by_fk",
        "preferences",
        "theme",
    }

    language: Mapped[str | None] = mapped_column(
        String(2), info={"kind": "choice", "choices": LANGUAGE_CHOICES, "label": _l("Language")}
    )
    theme: Mapped[str | None] = mapped_column(String(8))
    # Settings of lists: {"contacts": {"cols": […], "size": 100}}
    preferences: Mapped[dict[str, Any] | None] = mapped_column(Json)
    entity_id: Mapped[int | None] = mapped_column(ForeignKey("entity.id"), index=True)
    # The last day they may log in, in the organisation's time zone.
    employed_until: Mapped[date | None] = mapped_column(info={"label": _l("Access ends on")})
    # The second factor: the encrypted TOTP secret, and the time step of the last used code.
    totp_secret: Mapped[str | None] = mapped_column(String(200))
    totp_step: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    updated_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=now, onupdate=now)

    __mapper_args__ = {"version_id_col": version}

    entity: Mapped[Entity | None] = relationship(
        foreign_keys=[entity_id], info={"label": _l("Entity")}
    )

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition on the users of the actor's entity and of those below it."""
        return entity_in_reach(cls.entity_id, actor)

    @classmethod
    def may_log_in(cls) -> ColumnElement[bool]:
        """Return the condition of ``is_active`` in SQL."""
        is_here = or_(cls.employed_until.is_(None), cls.employed_until >= today())
        return and_(cls.active.is_(True), cls.trashed_at.is_(None), is_here)

    @property
    def is_active(self) -> bool:
        """Return True if the user may log in, and stay logged in, now."""
        return bool(self.active) and not self.is_trashed and not self.has_left

    @property
    def has_left(self) -> bool:
        """Return True if their last day has passed, in the organisation's time zone."""
        return self.employed_until is not None and self.employed_until < today()

    @property
    def needs_second_factor(self) -> bool:
        """Return True if one of the user's roles requires a second factor."""
        return any(role.needs_second_factor for role in self.roles)

    def __str__(self) -> str:
        return self.get_full_name()

    def as_actor(self, find_subtree: Callable[[str], frozenset[int]] | None = None) -> Actor:
        """Return this user as an actor.

        ``find_subtree`` returns the entity ids below a path; for many users, pass one that
        caches, instead of the query per user.
        """
        entity = self.entity
        if entity is None:
            reach: frozenset[int] | None = frozenset()
        elif entity.parent_id is None:
            reach = None
        else:
            session, path = object_session(self), entity.path
            reach = find_subtree(path) if find_subtree else reach_of_user(self.id)
            if reach is None:
                reach = subtree_ids(session, path)
        return Actor(
            kind=ActorKind.STAFF,
            id=self.id,
            name=self.get_full_name(),
            entity_ids=reach,
            home_id=None if entity is None else entity.id,
            role_ids=frozenset(role.id for role in self.roles),
            is_administrator=is_administrator(self),
            language=self.language,
        )


class UniqueName(Model):
    """A name in use: the database refuses a second one that looks alike (``unique_names``).

    User names and e-mails share the kind ``login``: both identify a user at login.
    """

    __tablename__ = "unique_name"

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    key: Mapped[str] = mapped_column(FoldedText(), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("ab_user.id", ondelete="CASCADE"), index=True
    )
    role_id: Mapped[int | None] = mapped_column(
        ForeignKey("ab_role.id", ondelete="CASCADE"), index=True
    )


# The table is Flask-AppBuilder's, so the index of Trashable is added to it here.
for _index in Trashable.trash_index("ab_user"):
    _index._set_parent(User.__table__)
