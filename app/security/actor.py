"""The actor of a change: the logged-in user, or the program itself."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from flask import g, has_request_context
from flask_login import current_user
from sqlalchemy.orm import Session

from app.registry import Plug


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The author of a change, as the log records it, and the entities they may see.

    ``entity_ids`` holds the ids of the visible entities; None means all of them.
    """

    id: int | None
    name: str
    entity_ids: frozenset[int] | None
    home_id: int | None = None
    channel: str = "web"
    role_ids: frozenset[int] = frozenset()
    is_administrator: bool = False
    # True for the program itself: no privilege check applies to it.
    is_system: bool = False
    # The id of the operation this change belongs to, for the log.
    operation_id: int | None = None
    # The chosen interface language, if any; jobs write their reports in it.
    language: str | None = None
    # The API key of the request, if there was one, and its scopes.
    key_id: int | None = None
    scopes: str | None = None

    def with_channel(self, channel: str) -> Actor:
        """Return the same actor on another channel (cli, import, api…)."""
        return replace(self, channel=channel)


SYSTEM = Actor(id=None, name="Padrón", entity_ids=None, channel="cli", is_system=True)
NOBODY = Actor(id=None, name="", entity_ids=frozenset())


class ActorLoader(Plug):
    """A source of actors by user id; the room that owns the user model adds its own."""

    def load(self, session: Session, user_id: int) -> Actor | None:
        """Return the user as an actor with their current rights; None if they may not log in."""
        raise NotImplementedError


def load_actor(session: Session, user_id: int) -> Actor | None:
    """Return a user as an actor with their current rights; None if they may not log in."""
    for loader in ActorLoader.all():
        if (actor := loader().load(session, user_id)) is not None:
            return actor
    return None


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(actor: Actor):
    """Make ``actor`` the current actor inside the block."""
    token = _acting.set(actor)
    try:
        yield actor
    finally:
        _acting.reset(token)


def current_actor() -> Actor:
    """Return the actor set by ``acting_as``, else the logged-in user, else the system."""
    actor = _acting.get()
    if actor is not None:
        return actor
    if not has_request_context():
        return SYSTEM
    if "actor" not in g:
        g.actor = current_user.as_actor() if current_user.is_authenticated else NOBODY
    return g.actor
