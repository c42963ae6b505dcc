"""What every page asks about its user, read in the statement that loads the user."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import g, has_request_context

from app.registry import Plug


class UserFact(Plug):
    """A text about the staff user of a request; it saves each page a statement.

    It is as old as the beginning of the request: what the request itself may change since then
    must be asked again.
    """

    @classmethod
    def expression(cls, user: Any) -> Any:
        """Return a scalar expression of a text, over the model of the users."""
        raise NotImplementedError

    @classmethod
    def find(cls, user_id: int | None) -> str | None:
        """Return the text, "" if there is none; None if it was not read with this user."""
        if not has_request_context():
            return None
        read_for, texts = g.get("user_facts", NOT_READ)
        return texts[cls] or "" if user_id is not None and read_for == user_id else None

    @classmethod
    def take(cls) -> str | None:
        """Return the text that was read with the user of the request, whoever that is, but once.

        For what is not about the user, and is asked again after the request has changed it.
        """
        return g.get("user_facts", NOT_READ)[1].pop(cls, None) if has_request_context() else None

    # The column of the statement.
    column: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.column = f"fact_{cls.__name__}"


NOT_READ: tuple[int | None, dict[type[UserFact], str | None]] = (None, {})


def keep_facts(user_id: int, texts: dict[type[UserFact], str | None]) -> None:
    """Keep what was read with the user of the request."""
    g.user_facts = (user_id, texts)
