"""Queue mails, retry failed ones, delete old ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import and_, delete, or_
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.mails.models import Mail
from app.types import now


def queue_mail(
    session: Session,
    kind: str,
    *,
    user_id: int | None = None,
    data: dict[str, Any] | None = None,
) -> Mail:
    """Queue a mail; it is composed and sent after the commit.

    ``data`` is what the kind needs besides the user, never a secret.
    """
    mail = Mail(kind=kind, user_id=user_id, data=data)
    session.add(mail)
    session.info["mails_queued"] = True
    return mail


def retry_mail(session: Session, mail: Mail) -> None:
    """Queue a failed mail again."""
    if mail.state != "failed":
        raise DomainError(_("Only e-mails that failed can be retried."))
    mail.state, mail.error, mail.attempts = "queued", "", 0
    mail.created_at = mail.due_at = now()
    session.info["mails_queued"] = True


def delete_old_mails(session: Session, age: timedelta) -> None:
    """Delete ended mails older than ``age``, and dropped ones after a day."""
    session.execute(
        delete(Mail).where(
            or_(
                and_(
                    Mail.state.in_(("sent", "kept", "failed")),
                    Mail.created_at < now() - age,
                ),
                and_(Mail.state == "dropped", Mail.created_at < now() - timedelta(days=1)),
            )
        )
    )
