"""The channel of e-mails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string, policy

from flask import Flask, current_app

from app.outbox.kinds import Channel, EmailContent
from app.outbox.transport import (
    Envelope,
    SmtpConnection,
    build_envelope,
    is_development,
    open_connection,
)


class EmailChannel(Channel):
    """E-mails over SMTP, by way of the server of PADRON_MAIL_URL."""

    name = "email"

    def is_configured(self, app: Flask) -> bool:
        return not is_development(app)

    def pack(self, content: EmailContent, message_id: str) -> Envelope:
        return build_envelope(content, current_app.config["MAIL_DEFAULT_SENDER"], message_id)

    def to_text(self, packed: Envelope) -> str:
        return packed.as_bytes().decode()

    def read_text(self, stored: str) -> tuple[str | None, str | None]:
        message = message_from_string(stored, policy=policy.default)
        plain, rich = message.get_body(("plain",)), message.get_body(("html",))
        return (
            None if plain is None else plain.get_content(),
            None if rich is None else rich.get_content(),
        )

    @contextmanager
    def connect(self, app: Flask) -> Iterator[SmtpConnection]:
        with open_connection(app) as connection:
            yield connection
