"""The kinds of mail: each knows how to compose a mail from the row that waits to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from sqlalchemy.orm import Session

from app.mails.models import Mail
from app.registry import Plug


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What a mail says, and to whom: ``html`` is a second form of ``text``, or nothing."""

    to_address: str
    to_name: str
    subject: str
    text: str
    html: str | None = None


class MailKind(Plug):
    """A kind of mail; a room puts its own in ``letters.py``."""

    name: ClassVar[str]
    # Whether a mail that was cut off in the middle may be sent again, and so perhaps twice.
    repeats: ClassVar[bool] = False
    # A mail that could not be sent for so long is of no use to anybody.
    keeps: ClassVar[timedelta] = timedelta(days=3)

    def compose(self, session: Session, mail: Mail) -> Letter | None:
        """Write the mail, at the moment it is sent; None when there is nobody to send it to."""
        raise NotImplementedError


def kind_named(name: str) -> MailKind | None:
    """Return the kind of that name."""
    found = (kind() for kind in MailKind.all() if kind.name == name)
    return next(found, None)
