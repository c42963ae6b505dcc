"""Prepare the program: roles, rights, the top of the tree, the first administrator."""

from __future__ import annotations

import secrets

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from app.entities.services import ensure_root
from app.security.rights import ADMINISTRATOR
from app.staff.models import StaffUser


def ensure_administrator(session: Session, organisation: str, password: str | None) -> str | None:
    """Make the user ``admin`` if nobody can sign in yet; return a password made for them.

    None when there is a user already, or when the password was given.
    """
    top = ensure_root(session, organisation)
    if session.scalar(select(func.count(StaffUser.id))):
        return None
    made = None if password else secrets.token_urlsafe(12)
    role = session.scalar(select(Role).where(Role.name == ADMINISTRATOR))
    user = StaffUser(
        username="admin",
        first_name="Admin",
        last_name=organisation[:64],
        email="admin@example.org",
        active=True,
        password=generate_password_hash(password or made or ""),
        entity=top,
    )
    user.roles = [role]
    session.add(user)
    session.flush()
    return made
