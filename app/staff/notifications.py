"""Tell people by mail what was changed on their account, lest it was not they."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.mails.services import queue_mail
from app.security.actor import Actor
from app.staff.models import StaffUser


def notify(
    session: Session, user: StaffUser, what: str, by: Actor | None = None, **more: Any
) -> None:
    """Queue a notice of what somebody did to an account: its owner, unless ``by`` is another.

    ``what`` is a key of ``letters.NOTICES``, ``more`` what its mail says.
    """
    if by is not None and by.id != user.id and not by.is_system:
        more["by"] = by.name
    queue_mail(session, "notice", user_id=user.id, data={"what": what, **more})
