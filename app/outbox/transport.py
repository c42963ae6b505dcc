"""Build e-mail messages and send them over SMTP."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

import flask_mail
from email_validator import EmailNotValidError, validate_email
from flask import Flask

from app.deadlines import ConnectionDeadline
from app.outbox.kinds import (
    EmailContent,
    PermanentFailure,
    ServerUnreachable,
    TemporaryFailure,
    UnknownOutcome,
)
from app.types import now

# The wait for each reply, and the time for a whole dialogue: connecting and logging in, sending
# one mail, quitting. The wait alone would start again with every byte of a slow server.
TIMEOUT_SECONDS = 20
DIALOGUE_SECONDS = 90

# Every mail server accepts 7-bit content.
EMAIL_POLICY = SMTP.clone(cte_type="7bit")
_LINE_BEGINS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True)
class Envelope:
    """A message with the sender and recipient of its SMTP transaction."""

    message: EmailMessage
    sender: str
    recipient: str
    needs_utf8: bool

    def as_bytes(self) -> bytes:
        """Return the mail as SMTP sends it, before dot-stuffing."""
        text = self.message.as_bytes()
        return text if text.endswith(b"\r\n") else text + b"\r\n"


def is_development(app: Flask) -> bool:
    """Return True if mails are stored for the Outbox page instead of being sent."""
    return app.extensions["mail"].server is None


def build_envelope(content: EmailContent, sender: tuple[str, str], message_id: str) -> Envelope:
    """Build the message; PermanentFailure for text that could break out of a header."""
    recipient, needs_utf8 = _check_address(content.to_address)
    message = EmailMessage(policy=EMAIL_POLICY.clone(utf8=needs_utf8))
    message["From"] = Address(_header_text(sender[0]), addr_spec=sender[1])
    message["To"] = _make_address(_header_text(content.to_name), recipient)
    message["Subject"] = _header_text(content.subject)
    message["Date"] = format_datetime(now())
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(content.text)
    if content.html is not None:
        message.add_alternative(content.html, subtype="html")
    return Envelope(message, sender[1], recipient, needs_utf8)


def _make_address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def _check_address(text: str) -> tuple[str, bool]:
    """Return the address to use in SMTP, and whether it needs SMTPUTF8."""
    try:
        result = validate_email(
            _header_text(text), check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError:
        raise PermanentFailure("address") from None
    if result.ascii_email:
        return result.ascii_email, False
    return f"{result.local_part}@{result.ascii_domain}", True


def _header_text(text: str) -> str:
    """Return text for a header; PermanentFailure if it holds control characters or surrogates."""
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise PermanentFailure("characters")
    # Text that looks like an encoded word would be decoded by the recipient.
    return text.replace("=?", "= ?")


class _WatchedSMTP(smtplib.SMTP):
    """SMTP on a connection with a deadline, from the first byte on."""

    deadline: ConnectionDeadline

    def __init__(self, *args: Any, deadline: ConnectionDeadline | None = None, **more: Any):
        if deadline is not None:
            self.deadline = deadline
        super().__init__(*args, **more)

    def _get_socket(self, *args: Any) -> socket.socket:
        connection = super()._get_socket(*args)  # type: ignore[misc]
        self.deadline.watch(connection)
        return connection


class _WatchedSMTPoverTLS(smtplib.SMTP_SSL, _WatchedSMTP):
    """The same on a port that speaks TLS from the beginning; the handshake has the deadline too.

    Because of the order of the bases, ``SMTP_SSL`` wraps the socket that is watched already.
    """

    def __init__(self, *args: Any, deadline: ConnectionDeadline, **more: Any):
        self.deadline = deadline
        super().__init__(*args, **more)


class SmtpConnection(flask_mail.Connection):
    """Flask-Mail's connection with deadlines, verified certificates and distinct errors."""

    host: Any

    def __init__(self, mail: flask_mail.Mail) -> None:
        super().__init__(mail)
        self.host = None
        self._deadline = ConnectionDeadline()

    def configure_host(self) -> smtplib.SMTP:
        """Connect and log in."""
        state = self.mail
        context = ssl.create_default_context()
        self._deadline = ConnectionDeadline()
        host: smtplib.SMTP | None = None
        try:
            with self._within_deadline():
                host = self._connect(state, context)
        except BaseException:
            if host is not None:
                host.close()
            self._deadline.release()
            raise
        return host

    @contextmanager
    def _within_deadline(self) -> Iterator[None]:
        """Raise TimeoutError for a dialogue that took too long in all."""
        try:
            with self._deadline.within(DIALOGUE_SECONDS):
                yield
        except Exception as error:
            if self._deadline.has_expired:
                raise TimeoutError("timed out") from error
            raise
        if self._deadline.has_expired:
            # What came may be the beginning of a reply that was cut.
            raise TimeoutError("timed out")

    def _connect(self, state: Any, context: ssl.SSLContext) -> smtplib.SMTP:
        host: smtplib.SMTP
        how: dict[str, Any] = {"deadline": self._deadline, "timeout": TIMEOUT_SECONDS}
        if state.use_ssl:
            host = _WatchedSMTPoverTLS(state.server, state.port, context=context, **how)
        else:
            host = _WatchedSMTP(state.server, state.port, **how)
        try:
            if state.use_tls:
                host.starttls(context=context)
            if state.username and state.password:
                host.login(state.username, state.password)
            host.ehlo_or_helo_if_needed()
        except BaseException:
            host.close()
            raise
        return host

    def open(self) -> None:
        """Connect, unless connected already."""
        if self.host is not None:
            return
        try:
            self.host = self.configure_host()
        except (OSError, smtplib.SMTPException) as error:
            raise ServerUnreachable(_error_text(error)) from error

    def close(self) -> None:
        """Quit and close the connection; ignore errors of the server."""
        host, self.host = self.host, None
        if host is not None:
            try:
                with self._within_deadline():
                    host.quit()
            except (OSError, smtplib.SMTPException):
                host.close()
        self._deadline.release()

    def deliver(self, envelope: Envelope) -> None:
        """Send one mail; raise the error class that tells how it failed."""
        try:
            with self._within_deadline():
                self._send_until_final_dot(envelope)
        except smtplib.SMTPNotSupportedError:
            self._reset()
            raise PermanentFailure("utf8") from None
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise TemporaryFailure(_error_text(error)) from error
        host = self.host
        try:
            with self._within_deadline():
                host.send(b".\r\n")
                code, reply = host.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise UnknownOutcome(_error_text(error)) from error
        if code != 250:
            self._reset()
            raise _failure(code, reply)

    def _send_until_final_dot(self, envelope: Envelope) -> None:
        """Send all but the final dot: on an error until then the server has not accepted the mail."""
        host = self.host
        options = ["SMTPUTF8", "BODY=8BITMIME"] if envelope.needs_utf8 else []
        text = _LINE_BEGINS_WITH_DOT.sub(b"..", envelope.as_bytes())
        for command, accepted in (
            (lambda: host.mail(envelope.sender, options), (250,)),
            (lambda: host.rcpt(envelope.recipient), (250, 251)),
            (lambda: host.docmd("DATA"), (354,)),
        ):
            code, reply = command()
            if code not in accepted:
                self._reset()
                raise _failure(code, reply)
        host.send(text)

    def _reset(self) -> None:
        """Reset the connection for the next mail."""
        try:
            with self._within_deadline():
                self.host.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _drop(self) -> None:
        host, self.host = self.host, None
        if host is not None:
            host.close()
        self._deadline.release()


@contextmanager
def open_connection(app: Flask) -> Iterator[SmtpConnection]:
    """Open a connection to the mail server; close it at the end of the block."""
    connection = SmtpConnection(app.extensions["mail"])
    try:
        connection.open()
        yield connection
    finally:
        connection.close()


def _failure(code: int, reply: bytes) -> Exception:
    text = f"{code} {reply.decode(errors='replace')}"
    return PermanentFailure(_one_line(text)) if code >= 500 else TemporaryFailure(_one_line(text))


def _error_text(error: Exception) -> str:
    """Return a code of ``models.REASONS`` with detail, or the message of the server or system."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _one_line(f"certificate: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return _one_line(f"tls: {error.reason}")
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
        return _one_line(f"{error.smtp_code} {text}")
    return _one_line(str(error) or type(error).__name__)


def _one_line(text: str) -> str:
    """Return a server's reply on one line, printable, 200 characters at most."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
