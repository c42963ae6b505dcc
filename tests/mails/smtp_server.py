"""A real SMTP server in the test's process, which does with each mail what the test says."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from app.mails.kinds import EmailContent, EmailKind
from tests.ports import free_port

# What may be done instead of taking a mail.
TRY_LATER, REJECT, DROP, DROP_AFTER_DATA = (
    "451 Come again",
    "550 Nobody here",
    "cut",
    "cut at the end",
)


class Plain(EmailKind):
    """A mail of the tests: what it says is in the row. It is never sent twice."""

    name = "plain"

    def compose(self, session, mail):
        said = {"to_address": "ana@example.org", "to_name": "Ana", "subject": "Hi", "text": "Hi."}
        return EmailContent(**said | (mail.data or {}))


class Repeated(Plain):
    """One that may be sent twice."""

    name = "repeated"
    is_repeatable = True


class SmtpSink:
    """What the server took, and what it does with the next mail to an address."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken: list[tuple[str, list[str], bytes]] = []
        # An address → what is done with its mails, in turn; then they are taken.
        self.answers: dict[str, list[str]] = defaultdict(list)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        answer = self._answer(address, (TRY_LATER, REJECT, DROP))
        if answer == DROP:
            server.transport.abort()
        if answer:
            return answer if answer != DROP else "421 Bye"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        answer = self._answer(envelope.rcpt_tos[0], (DROP_AFTER_DATA,))
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        if answer:
            server.transport.abort()
        return "250 OK"

    def _answer(self, address: str, among: tuple[str, ...]) -> str | None:
        waiting = self.answers[address]
        return waiting.pop(0) if waiting and waiting[0] in among else None

    def messages(self) -> list[EmailMessage]:
        """Return what was taken, read as mails."""
        return [message_from_bytes(text, policy=policy.default) for _f, _t, text in self.taken]

    def recipients(self) -> list[str]:
        """Return who got one, in order."""
        return [address for _from, to, _text in self.taken for address in to]


@contextmanager
def smtp_sink(**options: Any):
    """Run a server while the block lasts."""
    sink = SmtpSink()
    options = {"enable_SMTPUTF8": True} | options
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port, **options)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
