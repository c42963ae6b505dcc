"""Queries for users that are needed in more than one place."""

from __future__ import annotations

from flask_appbuilder.security.sqla.models import Role, assoc_user_role
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from app.entities.models import Entity
from app.security.actor import Actor, ActorLoader
from app.security.rights import ADMINISTRATOR
from app.staff.models import StaffUser


def matches_login(typed: str) -> ColumnElement[bool]:
    """Return the condition that a user's name or e-mail is ``typed``, ignoring case.

    Compare without lower(), too: SQLite lowercases ASCII letters only.
    """
    names = (StaffUser.username, StaffUser.email)
    return or_(
        *(name == typed for name in names), *(func.lower(name) == typed.lower() for name in names)
    )


def permanent_administrators() -> Select[tuple[int]]:
    """Select the ids of active administrators of the whole organisation without an end date."""
    return (
        select(StaffUser.id)
        .join(assoc_user_role, assoc_user_role.c.user_id == StaffUser.id)
        .join(Role, Role.id == assoc_user_role.c.role_id)
        .join(Entity, Entity.id == StaffUser.entity_id)
        .where(
            Role.name == ADMINISTRATOR,
            StaffUser.active.is_(True),
            StaffUser.trashed_at.is_(None),
            StaffUser.employed_until.is_(None),
            Entity.parent_id.is_(None),
        )
    )


class StaffLoader(ActorLoader):
    """Load users of the back-office as actors."""

    def load(self, session: Session, user_id: int) -> Actor | None:
        """Read the user again; return None if they may not log in."""
        query = select(StaffUser).where(StaffUser.id == user_id)
        user = session.scalar(query.execution_options(populate_existing=True))
        return user.as_actor() if user is not None and user.is_active else None
