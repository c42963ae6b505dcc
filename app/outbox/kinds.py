"""Kinds of messages, and the channels they are sent through: both are plugs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from flask import Flask
from sqlalchemy.orm import Session

from app.outbox.models import Message, Priority
from app.registry import Plug


class PermanentFailure(Exception):
    """The message can never be sent; the text is a code of ``models.REASONS`` or the server's reply."""


class TemporaryFailure(Exception):
    """The server did not accept the message now, but may later."""


class UnknownOutcome(Exception):
    """The connection broke after the whole message was sent: it may have been accepted or not."""


class ServerUnreachable(Exception):
    """The server does not answer or refuses our login."""


@dataclass(frozen=True, kw_only=True)
class MessageContent:
    """The recipient and content of a message; what a channel cannot carry it leaves out."""

    to_address: str
    text: str
    subject: str = ""


@dataclass(frozen=True, kw_only=True)
class EmailContent(MessageContent):
    """The recipient and content of an e-mail; ``html`` is an alternative to ``text``."""

    to_name: str
    html: str | None = None


class MessageKind(Plug):
    """A kind of message; a room puts its own in ``emails.py``."""

    name: ClassVar[str]
    channel: ClassVar[str]
    priority: ClassVar[Priority] = Priority.NORMAL
    # Whether to send it again if the connection broke and it may have been delivered.
    is_repeatable: ClassVar[bool] = False
    # A message older than this is not sent any more.
    max_age: ClassVar[timedelta] = timedelta(days=3)

    def compose(self, session: Session, message: Message) -> MessageContent | None:
        """Compose the message, just before it is sent; return None to drop it."""
        raise NotImplementedError


class EmailKind(MessageKind, abstract=True):
    """A kind of e-mail: ``compose`` returns an EmailContent."""

    channel = "email"


class Connection(Protocol):
    """A connection to the server of a channel."""

    def open(self) -> None:
        """Connect, unless connected already; raise ServerUnreachable."""

    def deliver(self, packed: Any, /) -> None:
        """Send what the channel packed; raise the error class that tells how it failed."""


class Channel(Plug):
    """A way to send messages, such as e-mail; a room puts its own in ``channels.py``."""

    name: ClassVar[str]

    def is_configured(self, app: Flask) -> bool:
        """Return False if messages are to be stored for the Outbox page instead of being sent."""
        raise NotImplementedError

    def pack(self, content: Any, message_id: str) -> Any:
        """Return the message as the connection sends it; raise PermanentFailure if it cannot be.

        ``message_id`` is the same at every attempt, so that the recipient can tell it is the same.
        """
        raise NotImplementedError

    def to_text(self, packed: Any) -> str:
        """Return a packed message as it is stored."""
        raise NotImplementedError

    def read_text(self, stored: str) -> tuple[str | None, str | None]:
        """Return the plain text and the HTML of a stored message."""
        return stored, None

    @contextmanager
    def connect(self, app: Flask) -> Iterator[Connection]:
        """Open a connection during the block; raise ServerUnreachable."""
        raise NotImplementedError
        yield


def get_message_kind(name: str) -> MessageKind | None:
    """Return the kind of message with this name, or None."""
    return next((kind() for kind in MessageKind.all() if kind.name == name), None)


def get_channel(name: str) -> Channel | None:
    """Return the channel with this name, or None."""
    return next((channel() for channel in Channel.all() if channel.name == name), None)
