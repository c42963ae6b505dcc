"""Tell people by mail what was changed on their account, lest it was not they."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.mails.services import queue_mail
from app.staff.models import StaffUser


def tell(session: Session, user: StaffUser, what: str, **more: Any) -> None:
    """Queue a notice; ``what`` is a key of ``letters.NOTICES``, ``more`` what its mail says."""
    queue_mail(session, "notice", user_id=user.id, data={"what": what, **more})
