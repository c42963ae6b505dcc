"""A user of the back-office: Flask-AppBuilder's, with an entity and settings of their own."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from app.entities.models import Entity
from app.entities.queries import below
from app.log.models import Logged
from app.security.actor import Actor
from app.security.roles import role_label
from app.security.scope import within
from app.types import Json

LANGUAGE_CHOICES = {"en": _l("English"), "es": _l("Spanish")}


# What our forms and filters need to know of a column that is not ours.
User.__table__.c.email.info["kind"] = "email"


# A role that the program made is called by its name in the reader's language.
Role.__str__ = lambda role: role_label(role.name)  # type: ignore[method-assign]


class StaffUser(User, Logged):
    """Somebody who signs in: sees their entity and all below it."""

    __unlogged__ = Logged.__unlogged__ | {
        "password",
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

    entity: Mapped[Entity | None] = relationship(
        foreign_keys=[entity_id], info={"label": _l("Entity")}
    )

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """See the users of one's own entity and of all below it."""
        return within(cls.entity_id, actor)

    def as_actor(self) -> Actor:
        """Return this user as the author of changes, with what is within their reach."""
        entity = self.entity
        if entity is None:
            reach: frozenset[int] | None = frozenset()
        elif entity.parent_id is None:
            reach = None
        else:
            reach = below(object_session(self), entity.path)
        return Actor(
            id=self.id,
            name=self.get_full_name(),
            entity_ids=reach,
            home_id=None if entity is None else entity.id,
            role_ids=frozenset(role.id for role in self.roles),
        )
