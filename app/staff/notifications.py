"""Notify users by e-mail of security-relevant changes of their account."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.outbox.services import queue_message
from app.security.actor import Actor
from app.staff.models import StaffUser


def notify(
    session: Session, user: StaffUser, what: str, by: Actor | None = None, **more: Any
) -> None:
    """Queue a notice to a user; ``by`` is the actor, named in it if it is somebody else.

    ``what`` is a key of ``emails.NOTICES``, ``more`` the values of its text.
    """
    if by is not None and by.id != user.id and not by.is_system:
        more["by"] = by.name
    queue_message(session, "notice", to=user, data={"what": what, **more})
