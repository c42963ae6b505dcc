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
    "queued": _l("waiting"),
    "sending": _l("being sent"),
    "sent": _l("sent"),
    "kept": _l("kept here"),
    "failed": _l("failed"),
    "dropped": _l("not needed"),
}
# Error codes of ours and their texts; other errors are the text of the mail server.
REASONS = {
    "address": _l("The address cannot be written to."),
    "certificate": _l(
        "The certificate of the mail server cannot be trusted; mails wait until it can."
    ),
    "characters": _l(
        "The name, the address or the subject has characters no mail may have there."
    ),
    "composing": _l("The mail could not be written; the program's own log says why."),
    "interrupted": _l("The program was stopped while it sent this: it may have arrived or not."),
    "kind": _l("The program no longer knows this kind of mail."),
    "late": _l("It could not be sent in time, and is of no use any more."),
    "tls": _l(
        "The mail server speaks no TLS at this port: smtps:// usually is port 465, smtp:// 587."
    ),
    "uncertain": _l("The line broke at the last moment: it may have arrived or not."),
    "utf8": _l("The mail server does not take addresses with such letters."),
}


class Mail(Model):
    """A mail; its content is composed when it is sent, by the ``EmailKind`` named ``kind``.

    ``data`` holds what the kind needs to compose it, never a secret: login links are made when it
    is sent. ``content`` is stored only where no mail server is set.
    """

    __tablename__ = "mail"
    __table_args__ = (Index("ix_mail_due", "state", "due_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), info={"label": _l("Kind")})
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
