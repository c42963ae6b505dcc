"""The table of messages: queued, being sent, sent, stored or failed."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Index, String, Text, and_, false, or_, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.security.actor import Actor
from app.security.scope import scope_condition
from app.types import Json, UTCDateTime, now

STATES = {
    "queued": _l("Waiting"),
    "sending": _l("Sending"),
    "sent": _l("Sent"),
    "kept": _l("Not sent"),
    "failed": _l("Failed"),
    "dropped": _l("Not needed"),
}
# Error codes of ours and their texts; other errors are the text of the mail server.
REASONS = {
    "address": _l("The e-mail address is not valid."),
    "certificate": _l(
        "The mail server’s certificate is not trusted. Messages are waiting to be sent."
    ),
    "characters": _l(
        "The name, address or subject contains characters that are not allowed in e-mails."
    ),
    "composing": _l("The message could not be created. Tell your administrator."),
    "interrupted": _l("Sending was interrupted. The message may or may not have arrived."),
    "kind": _l("This type of e-mail is no longer available."),
    "late": _l("It couldn’t be sent before the link expired."),
    "tls": _l(
        "The mail server doesn’t use TLS on this port. smtps:// usually uses port 465 and smtp:// port 587."
    ),
    "uncertain": _l(
        "The connection was lost while sending. The message may or may not have arrived."
    ),
    "utf8": _l("The mail server doesn’t accept addresses with these characters."),
}


class Priority(IntEnum):
    """In which order due messages are sent: those of a lower number first."""

    # Somebody waits for it in front of the screen.
    URGENT = 10
    NORMAL = 50
    # One of very many.
    BULK = 90


class Recipient:
    """Mixin of models whose rows messages are sent to; who may see a row may see them."""


class Message(Model):
    """A message to a row of a ``Recipient``, or to an address that belongs to none.

    Its content is composed when it is sent, by the ``MessageKind`` named ``kind``. ``data`` holds
    what the kind needs to compose it, never a secret: login links are made when it is sent.
    ``content`` is stored only where its channel sends nothing.
    """

    __tablename__ = "outbox_message"
    __table_args__ = (
        # The next one to send, by channel and priority.
        Index("ix_outbox_message_due", "state", "channel", "priority", "due_at", "id"),
        Index("ix_outbox_message_recipient", "recipient_type", "recipient_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), info={"label": _l("Type")})
    channel: Mapped[str] = mapped_column(String(16), default="email")
    priority: Mapped[int] = mapped_column(default=Priority.NORMAL)
    # Table and id of the recipient's row.
    recipient_type: Mapped[str | None] = mapped_column(String(48))
    recipient_id: Mapped[int | None]
    data: Mapped[dict[str, Any] | None] = mapped_column(Json)
    # The address.
    recipient: Mapped[str] = mapped_column(String(320), default="", info={"label": _l("To")})
    subject: Mapped[str] = mapped_column(String(200), default="", info={"label": _l("Subject")})
    content: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(
        String(8),
        default="queued",
        info={"kind": "choice", "choices": STATES, "label": _l("State")},
    )
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition of messages to rows the actor may see: links in them log users in."""
        if actor.entity_ids is None:
            return true()
        # Of the table: whoever may see a row may see it in the trash.
        conditions = [
            and_(
                cls.recipient_type == table.name,
                cls.recipient_id.in_(select(table.c.id).where(scope_condition(model, actor))),
            )
            for model, table in _recipients()
        ]
        return or_(false(), *conditions)

    def set_recipient(self, row: Recipient) -> None:
        """Make a row the recipient."""
        self.recipient_type, self.recipient_id = row.__table__.name, row.id  # type: ignore[attr-defined]

    def recipient_row(self, session: Session) -> Any:
        """Return the recipient's row; None if there is none or it is gone."""
        model = next((m for m, table in _recipients() if table.name == self.recipient_type), None)
        return None if model is None else session.get(model, self.recipient_id)

    @property
    def reason(self) -> Any:
        """Return why it waits or failed: a text of ours in the reader's language, or the server's."""
        return describe_error(self.error)


def _recipients() -> list[tuple[Any, Any]]:
    """Return every model of recipients, and its table."""
    models = [mapper.class_ for mapper in Model.registry.mappers]
    return [(m, m.__table__) for m in models if issubclass(m, Recipient)]


def describe_error(error: str) -> str:
    """Return the text of an error: "code" or "code: detail" with a code of ``REASONS``, else as is."""
    code, _sep, detail = error.partition(": ")
    if code not in REASONS:
        return error
    return f"{REASONS[code]} ({detail})" if detail else str(REASONS[code])
