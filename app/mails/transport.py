"""Build e-mail messages and send them over SMTP."""

from __future__ import annotations

import re
import smtplib
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

from app.mails.kinds import EmailContent
from app.types import now

TIMEOUT_SECONDS = 20

# Every mail server accepts 7-bit content.
EMAIL_POLICY = SMTP.clone(cte_type="7bit")
_LINE_BEGINS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)


class PermanentFailure(Exception):
    """The mail can never be sent; the text is a code of ``models.REASONS`` or the server's reply."""


class TemporaryFailure(Exception):
    """The server did not accept the mail now, but may later."""


class UnknownOutcome(Exception):
    """The connection broke after the whole mail was sent: it may have been accepted or not."""


class ServerUnreachable(Exception):
    """The mail server does not answer or refuses our login."""


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


class SmtpConnection(flask_mail.Connection):
    """Flask-Mail's connection with a timeout, verified certificates and distinct errors."""

    host: Any

    def configure_host(self) -> smtplib.SMTP:
        """Connect and log in."""
        state = self.mail
        context = ssl.create_default_context()
        host: smtplib.SMTP
        if state.use_ssl:
            host = smtplib.SMTP_SSL(
                state.server, state.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            host = smtplib.SMTP(state.server, state.port, timeout=TIMEOUT_SECONDS)
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
                host.quit()
            except (OSError, smtplib.SMTPException):
                host.close()

    def send_envelope(self, envelope: Envelope) -> None:
        """Send one mail; raise the error class that tells how it failed."""
        try:
            self._send_until_final_dot(envelope)
        except smtplib.SMTPNotSupportedError:
            self._reset()
            raise PermanentFailure("utf8") from None
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise TemporaryFailure(_error_text(error)) from error
        host = self.host
        try:
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
            self.host.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _drop(self) -> None:
        host, self.host = self.host, None
        if host is not None:
            host.close()


@contextmanager
def open_connection(app: Flask) -> Iterator[SmtpConnection]:
    """Open a connection to the mail server; close it at the end of the block."""
    connection = SmtpConnection(app.extensions["mail"])
    connection.host = None
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
