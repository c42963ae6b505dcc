"""Services for users: unique names, welcome e-mail, the first administrator."""

from __future__ import annotations

import secrets

from flask_appbuilder.security.sqla.models import Role
from flask_babel import gettext as _
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.entities.services import ensure_root
from app.errors import DomainError
from app.mails.services import queue_mail
from app.security.passwords import hash_password, password_problem
from app.security.rights import ADMINISTRATOR
from app.staff.models import StaffUser


def check_names(session: Session, user: StaffUser) -> None:
    """Raise DomainError if the user name or e-mail is in use, the trash included."""
    for name in ("username", "email"):
        value = getattr(user, name)
        # Both identify the user at login: a user name must not be somebody else's e-mail.
        is_theirs = [
            func.lower(column) == (value or "").lower()
            for column in (StaffUser.username, StaffUser.email)
        ]
        query = select(StaffUser.trashed_at).where(or_(*is_theirs), StaffUser.id != (user.id or 0))
        taken = session.execute(query.execution_options(with_trash=True).limit(1)).first()
        if taken is not None and taken.trashed_at is not None:
            raise DomainError(
                _("“%(value)s” belongs to a user in the trash. Restore that user.", value=value),
                field=name,
            )
        if taken is not None:
            raise DomainError(_("“%(value)s” is already in use.", value=value), field=name)


def send_welcome(session: Session, user: StaffUser) -> None:
    """Queue an e-mail that invites a new user to choose a password."""
    if user.is_active:
        queue_mail(session, "welcome", user_id=user.id)


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
