"""Questions about users that are asked in more than one place."""

from __future__ import annotations

from flask_appbuilder.security.sqla.models import Role, assoc_user_role
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from app.entities.models import Entity
from app.security.actor import Actor
from app.security.rights import ADMINISTRATOR
from app.staff.models import StaffUser


def called(typed: str) -> ColumnElement[bool]:
    """Match users by a user name or an e-mail, in capitals or not.

    As it is typed, too: SQLite knows the capitals of English alone.
    """
    names = (StaffUser.username, StaffUser.email)
    return or_(
        *(name == typed for name in names), *(func.lower(name) == typed.lower() for name in names)
    )


def lasting_administrators() -> Select[tuple[int]]:
    """Select the numbers of those who can do everything everywhere, with no end in sight."""
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


def active_actor(session: Session, user_id: int) -> Actor | None:
    """Return a user as the author of changes, as they are now; None if they may not sign in."""
    user = session.scalar(
        select(StaffUser).where(StaffUser.id == user_id).execution_options(populate_existing=True)
    )
    return user.as_actor() if user is not None and user.is_active else None
