"""The table of mails: queued, being sent, sent, stored or failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import User
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, select, true
from sqlalchemy.orm import Mapped, mapped_column

from app.security.actor import Actor
from app.security.scope import entity_in_reach
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


class Mail(Model):
    """A mail; its content is composed when it is sent, by the ``EmailKind`` named ``kind``.

    ``data`` holds what the kind needs to compose it, never a secret: login links are made when it
    is sent. ``content`` is stored only where no mail server is set.
    """

    __tablename__ = "mail"
    __table_args__ = (Index("ix_mail_due", "state", "due_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), info={"label": _l("Type")})
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("ab_user.id", ondelete="SET NULL"), index=True
    )
    data: Mapped[dict[str, Any] | None] = mapped_column(Json)
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
        """Return the condition of mails to users in the actor's entities: links in them log users in."""
        if actor.entity_ids is None:
            return true()
        # The room ``staff``, above this one, adds the column entity_id.
        users = User.__table__
        return cls.user_id.in_(select(users.c.id).where(entity_in_reach(users.c.entity_id, actor)))

    @property
    def reason(self) -> Any:
        """Return why it waits or failed: a text of ours in the reader's language, or the server's."""
        return describe_error(self.error)


def describe_error(error: str) -> str:
    """Return the text of an error: "code" or "code: detail" with a code of ``REASONS``, else as is."""
    code, _sep, detail = error.partition(": ")
    if code not in REASONS:
        return error
    return f"{REASONS[code]} ({detail})" if detail else str(REASONS[code])
