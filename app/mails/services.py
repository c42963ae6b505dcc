"""Queue mails, retry failed ones, delete old ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import and_, delete, or_, update
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
    moment = now()
    # Somebody else may have retried it since it was read, and it may be on its way by now.
    retried = session.execute(
        update(Mail)
        .where(Mail.id == mail.id, Mail.state == "failed")
        .values(state="queued", error="", attempts=0, created_at=moment, due_at=moment)
        .execution_options(synchronize_session=False)
    )
    session.refresh(mail)
    if retried.rowcount != 1:  # type: ignore[attr-defined]
        raise DomainError(_("Only e-mails that failed can be retried."))
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
