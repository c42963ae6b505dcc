"""E-mail kinds: each is a plug that composes an e-mail from its queued row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from sqlalchemy.orm import Session

from app.mails.models import Mail
from app.registry import Plug


@dataclass(frozen=True, kw_only=True)
class EmailContent:
    """The recipient and content of an e-mail; ``html`` is an alternative to ``text``."""

    to_address: str
    to_name: str
    subject: str
    text: str
    html: str | None = None


class EmailKind(Plug):
    """A kind of e-mail; a room puts its own in ``emails.py``."""

    name: ClassVar[str]
    # Whether to send it again if the connection broke and it may have been delivered.
    is_repeatable: ClassVar[bool] = False
    # A mail older than this is not sent any more.
    max_age: ClassVar[timedelta] = timedelta(days=3)

    def compose(self, session: Session, mail: Mail) -> EmailContent | None:
        """Compose the e-mail, just before it is sent; return None to drop it."""
        raise NotImplementedError


def get_email_kind(name: str) -> EmailKind | None:
    """Return the e-mail kind with this name, or None."""
    kinds = (kind() for kind in EmailKind.all() if kind.name == name)
    return next(kinds, None)
