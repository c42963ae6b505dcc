"""Turn letters into mails, and hand them to the mail server, one by one."""

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

from app.mails.kinds import Letter
from app.types import now

# Seconds a mail server may keep us waiting.
PATIENCE = 20

# Seven bits go through every server there is.
POLICY = SMTP.clone(cte_type="7bit")
_LINE_BEGINS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)


class Unsendable(Exception):
    """This mail can never be sent; the text says why, a word of ``models.REASONS`` or the server's."""


class Refused(Exception):
    """This mail was not taken now, and may be later."""


class Uncertain(Exception):
    """The line broke after everything was handed over: the mail may have been taken or not."""


class Unreachable(Exception):
    """The mail server does not answer, or does not let us in."""


@dataclass(frozen=True)
class Envelope:
    """A mail ready to be handed over."""

    message: EmailMessage
    sender: str
    recipient: str
    needs_utf8: bool

    def as_bytes(self) -> bytes:
        """Return the mail as it goes over the line, but for doubled dots."""
        text = self.message.as_bytes()
        return text if text.endswith(b"\r\n") else text + b"\r\n"


def is_development(app: Flask) -> bool:
    """Say whether mails are kept for the Outbox page instead of being sent."""
    return app.extensions["mail"].server is None


def sealed(letter: Letter, sender: tuple[str, str], message_id: str) -> Envelope:
    """Put a letter into its envelope; what would break out of a header is refused."""
    recipient, needs_utf8 = _address(letter.to_address)
    message = EmailMessage(policy=POLICY.clone(utf8=needs_utf8))
    message["From"] = Address(_in_a_header(sender[0]), addr_spec=sender[1])
    message["To"] = _named(_in_a_header(letter.to_name), recipient)
    message["Subject"] = _in_a_header(letter.subject)
    message["Date"] = format_datetime(now())
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text)
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html")
    return Envelope(message, sender[1], recipient, needs_utf8)


def _named(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def _address(text: str) -> tuple[str, bool]:
    """Return an address as mail servers want it, and whether it takes the newer of them."""
    try:
        found = validate_email(
            _in_a_header(text), check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError:
        raise Unsendable("address") from None
    if found.ascii_email:
        return found.ascii_email, False
    return f"{found.local_part}@{found.ascii_domain}", True


def _in_a_header(text: str) -> str:
    """Return a text that stays on its line; control characters and broken ones are refused."""
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise Unsendable("characters")
    # What looks encoded would be decoded on the way, whatever it holds.
    return text.replace("=?", "= ?")


class Line(flask_mail.Connection):
    """Flask-Mail's connection, with patience, verified certificates and errors told apart."""

    host: Any

    def configure_host(self) -> smtplib.SMTP:
        """Connect and sign in."""
        state = self.mail
        context = ssl.create_default_context()
        host: smtplib.SMTP
        if state.use_ssl:
            host = smtplib.SMTP_SSL(state.server, state.port, timeout=PATIENCE, context=context)
        else:
            host = smtplib.SMTP(state.server, state.port, timeout=PATIENCE)
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
        """Connect, unless the line stands already."""
        if self.host is not None:
            return
        try:
            self.host = self.configure_host()
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(_said(error)) from error

    def close(self) -> None:
        """Say goodbye, as far as there is still somebody to say it to."""
        host, self.host = self.host, None
        if host is not None:
            try:
                host.quit()
            except (OSError, smtplib.SMTPException):
                host.close()

    def hand_over(self, envelope: Envelope) -> None:
        """Give the server one mail, and know how it ended."""
        try:
            self._up_to_the_last_dot(envelope)
        except smtplib.SMTPNotSupportedError:
            self._start_anew()
            raise Unsendable("utf8") from None
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Refused(_said(error)) from error
        host = self.host
        try:
            host.send(b".\r\n")
            code, reply = host.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Uncertain(_said(error)) from error
        if code != 250:
            self._start_anew()
            raise _refusal(code, reply)

    def _up_to_the_last_dot(self, envelope: Envelope) -> None:
        """Hand over all but the dot that ends it: whatever breaks before, nothing was sent."""
        host = self.host
        options = ["SMTPUTF8", "BODY=8BITMIME"] if envelope.needs_utf8 else []
        text = _LINE_BEGINS_WITH_DOT.sub(b"..", envelope.as_bytes())
        for ask, good in (
            (lambda: host.mail(envelope.sender, options), (250,)),
            (lambda: host.rcpt(envelope.recipient), (250, 251)),
            (lambda: host.docmd("DATA"), (354,)),
        ):
            code, reply = ask()
            if code not in good:
                self._start_anew()
                raise _refusal(code, reply)
        host.send(text)

    def _start_anew(self) -> None:
        """Leave the line fit for the next mail."""
        try:
            self.host.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _drop(self) -> None:
        host, self.host = self.host, None
        if host is not None:
            host.close()


@contextmanager
def open_line(app: Flask) -> Iterator[Line]:
    """Give a line to the mail server, closed at the end."""
    line = Line(app.extensions["mail"])
    line.host = None
    try:
        line.open()
        yield line
    finally:
        line.close()


def _refusal(code: int, reply: bytes) -> Exception:
    said = f"{code} {reply.decode(errors='replace')}"
    return Unsendable(_plain(said)) if code >= 500 else Refused(_plain(said))


def _said(error: Exception) -> str:
    """Return what went wrong: a word of ``models.REASONS``, or what the server or the system said."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _plain(f"certificate: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return _plain(f"tls: {error.reason}")
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
        return _plain(f"{error.smtp_code} {text}")
    return _plain(str(error) or type(error).__name__)


def _plain(text: str) -> str:
    """Return what a server said, on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
