"""Users and roles of the back-office: Flask-AppBuilder's, with what the house adds to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
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
from app.entities.queries import subtree_ids
from app.i18n.clock import today
from app.log.models import Logged
from app.security.actor import Actor
from app.security.rights import is_administrator
from app.security.roles import role_label
from app.security.scope import entity_in_reach
from app.trash.models import Trashable
from app.types import Json, UTCDateTime, now

LANGUAGE_CHOICES = {"en": _l("English"), "es": _l("Spanish")}


# What our forms and filters need to know of a column that is not ours.
User.__table__.c.email.info["kind"] = "email"


# A role that the program made is called by its name in the reader's language.
Role.__str__ = lambda role: role_label(role.name)  # type: ignore[method-assign]
# Roles are logged, and a stale form of one is noticed, as with any row of ours.
Role.__unlogged__ = Logged.__unlogged__ | {"user"}  # type: ignore[attr-defined]
Role.version = Column(Integer, nullable=False, default=1, server_default="1")
Role.updated_at = Column(UTCDateTime, default=now, onupdate=now)
# Whoever holds the role signs in with a second factor.
Role.needs_second_factor = Column(
    Boolean,
    nullable=False,
    default=False,
    server_default="0",
    info={"label": _l("Two-factor sign-in required")},
)
inspect(Role).version_id_col = Role.__table__.c.version
# Flask-AppBuilder had finished the class before the log could ask for the old values.
for _attribute in (Role.name, Role.needs_second_factor):
    _attribute.impl.active_history = True
# The log says who made and changed a user; these columns would keep users from being deleted.
for _column in (User.__table__.c.created_by_fk, User.__table__.c.changed_by_fk):
    _column.default = None


class StaffUser(User, Trashable, Logged):
    """Somebody who signs in: sees their entity and all below it."""

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
    # What this user chose on lists: {"contacts": {"cols": […], "size": 100}}
    preferences: Mapped[dict[str, Any] | None] = mapped_column(Json)
    entity_id: Mapped[int | None] = mapped_column(ForeignKey("entity.id"), index=True)
    # The last day they work here; the day after, in the organisation's time zone, they are out.
    employed_until: Mapped[date | None] = mapped_column(info={"label": _l("Works here until")})
    # The second factor: a secret, encrypted, and the last step a code was used of.
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
        """See the users of one's own entity and of all below it."""
        return entity_in_reach(cls.entity_id, actor)

    @classmethod
    def may_log_in(cls) -> ColumnElement[bool]:
        """Return the condition that is_active puts in words, for queries over many."""
        is_here = or_(cls.employed_until.is_(None), cls.employed_until >= today())
        return and_(cls.active.is_(True), cls.trashed_at.is_(None), is_here)

    @property
    def is_active(self) -> bool:
        """Say whether they may sign in, and stay signed in, at this moment."""
        return bool(self.active) and not self.is_trashed and not self.has_left

    @property
    def has_left(self) -> bool:
        """Say whether the last day they work here has passed where the organisation is."""
        return self.employed_until is not None and self.employed_until < today()

    @property
    def needs_second_factor(self) -> bool:
        """Say whether one of their roles asks for a second factor."""
        return any(role.needs_second_factor for role in self.roles)

    def __str__(self) -> str:
        return self.get_full_name()

    def as_actor(self, below_of: Callable[[str], frozenset[int]] | None = None) -> Actor:
        """Return this user as the author of changes, with what is within their reach.

        ``below_of`` tells which entities lie below a path, where many users are asked about.
        """
        entity = self.entity
        if entity is None:
            reach: frozenset[int] | None = frozenset()
        elif entity.parent_id is None:
            reach = None
        else:
            reach = (
                below_of(entity.path)
                if below_of
                else subtree_ids(object_session(self), entity.path)
            )
        return Actor(
            id=self.id,
            name=self.get_full_name(),
            entity_ids=reach,
            home_id=None if entity is None else entity.id,
            role_ids=frozenset(role.id for role in self.roles),
            is_administrator=is_administrator(self),
            language=self.language,
        )


# The table is Flask-AppBuilder's, so the index of its trash is added from outside.
for _index in Trashable.index_for("ab_user"):
    _index._set_parent(User.__table__)
