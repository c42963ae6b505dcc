"""Errors a user can understand."""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A rule of the business was broken; the message is shown to the user as it is.

    ``field`` names the form field it belongs beside. Anything that is *not* a DomainError is
    a bug and must reach the error page. ``status`` and ``title`` are those of the error page;
    an empty title is the general one.
    """

    status: ClassVar[int] = 400
    title: ClassVar[object] = ""

    def __init__(self, message: object, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InUse(DomainError):
    """The row cannot be deleted because other rows are linked to it."""

    status = 409


class NotPossible(DomainError):
    """The row is in a state in which this cannot be done: see ``states.transitions``."""

    status = 409


class Locked(DomainError):
    """The row is locked: see ``states.locks``."""

    status = 409
