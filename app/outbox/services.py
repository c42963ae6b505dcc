"""Queue messages, retry failed ones, delete old ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import and_, delete, or_, update
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.outbox.kinds import get_message_kind
from app.outbox.models import Message, Priority, Recipient
from app.types import now


def queue_message(
    session: Session,
    kind: str,
    *,
    to: Recipient | str | None = None,
    data: dict[str, Any] | None = None,
    priority: Priority | None = None,
) -> Message:
    """Queue a message; it is composed and sent after the commit.

    ``to`` is a stored row or an address; None if the kind finds out when it composes the message.
    ``data`` is what the kind needs besides, never a secret. ``priority`` replaces that of the kind.
    """
    known = get_message_kind(kind)
    message = Message(kind=kind, data=data)
    if known is not None:
        message.channel, message.priority = known.channel, known.priority
    if priority is not None:
        message.priority = priority
    if isinstance(to, str):
        message.recipient = to
    elif to is not None:
        message.set_recipient(to)
    session.add(message)
    session.info["messages_queued"] = True
    return message


def retry_message(session: Session, message: Message) -> None:
    """Queue a failed message again."""
    moment = now()
    # Somebody else may have retried it since it was read, and it may be on its way by now.
    retried = session.execute(
        update(Message)
        .where(Message.id == message.id, Message.state == "failed")
        .values(state="queued", error="", attempts=0, created_at=moment, due_at=moment)
        .execution_options(synchronize_session=False)
    )
    session.refresh(message)
    if retried.rowcount != 1:  # type: ignore[attr-defined]
        raise DomainError(_("Only e-mails that failed can be retried."))
    session.info["messages_queued"] = True


def delete_old_messages(session: Session, age: timedelta) -> None:
    """Delete ended messages older than ``age``, and dropped ones after a day."""
    session.execute(
        delete(Message).where(
            or_(
                and_(
                    Message.state.in_(("sent", "kept", "failed")),
                    Message.created_at < now() - age,
                ),
                and_(Message.state == "dropped", Message.created_at < now() - timedelta(days=1)),
            )
        )
    )
