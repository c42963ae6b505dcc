"""Services for users: unique names, welcome e-mail, the first administrator."""

from __future__ import annotations

import secrets

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.entities.services import ensure_root
from app.errors import DomainError
from app.outbox.services import queue_message
from app.security.passwords import hash_password, password_problem
from app.security.rights import ADMINISTRATOR
from app.staff.models import StaffUser


def send_welcome(session: Session, user: StaffUser) -> None:
    """Queue an e-mail that invites a new user to choose a password."""
    if user.is_active:
        queue_message(session, "welcome", to=user)


def ensure_administrator(session: Session, organisation: str, password: str | None) -> str | None:
    """Create the user ``admin`` if there are no users; return the generated password.

    Return None if there is a user, or if ``password`` was given. Raise DomainError if the given
    password is too weak.
    """
    top = ensure_root(session, organisation)
    if session.scalar(select(func.count(StaffUser.id))):
        return None
    if password and (problem := password_problem(password, "admin")):
        raise DomainError(problem)
    made = None if password else secrets.token_urlsafe(12)
    role = session.scalar(select(Role).where(Role.name == ADMINISTRATOR))
    user = StaffUser(
        username="admin",
        first_name="Admin",
        last_name=organisation[:64],
        email="admin@example.org",
        active=True,
        password=hash_password(password or made or ""),
        entity=top,
    )
    user.roles = [role]
    session.add(user)
    session.flush()
    return made
