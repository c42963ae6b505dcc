"""A real SMTP server in the test process, with replies that tests choose."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from app.outbox.kinds import EmailContent, EmailKind
from tests.ports import free_port

# Replies other than accepting the mail.
TRY_LATER, REJECT, DROP, DROP_AFTER_DATA = (
    "451 Come again",
    "550 Nobody here",
    "drop",
    "drop after data",
)


class Plain(EmailKind):
    """An e-mail kind with its content in ``data``; not repeatable."""

    name = "plain"

    def compose(self, session, mail):
        defaults = {
            "to_address": "ana@example.org",
            "to_name": "Ana",
            "subject": "Hi",
            "text": "Hi.",
        }
        return EmailContent(**defaults | (mail.data or {}))


class Repeated(Plain):
    """A repeatable e-mail kind."""

    name = "repeated"
    is_repeatable = True


class SmtpSink:
    """The mails a server accepted, and the replies it will give."""

    def __init__(self) -> None:
        self.port = free_port()
        self.accepted: list[tuple[str, list[str], bytes]] = []
        # Address → replies to its next mails, in turn; after them, mails are accepted.
        self.replies: dict[str, list[str]] = defaultdict(list)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        reply = self._next_reply(address, (TRY_LATER, REJECT, DROP))
        if reply == DROP:
            server.transport.abort()
        if reply:
            return reply if reply != DROP else "421 Bye"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        reply = self._next_reply(envelope.rcpt_tos[0], (DROP_AFTER_DATA,))
        self.accepted.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        if reply:
            server.transport.abort()
        return "250 OK"

    def _next_reply(self, address: str, among: tuple[str, ...]) -> str | None:
        pending = self.replies[address]
        return pending.pop(0) if pending and pending[0] in among else None

    def messages(self) -> list[EmailMessage]:
        """Return the accepted mails, parsed."""
        return [message_from_bytes(text, policy=policy.default) for _f, _t, text in self.accepted]

    def recipients(self) -> list[str]:
        """Return the recipients of accepted mails, in order."""
        return [address for _from, to, _text in self.accepted for address in to]


@contextmanager
def smtp_sink(**options: Any):
    """Run a server during the block."""
    sink = SmtpSink()
    options = {"enable_SMTPUTF8": True} | options
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port, **options)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
