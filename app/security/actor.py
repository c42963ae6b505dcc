"""Who is acting: a signed-in user, or the house itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from flask import g, has_request_context
from flask_login import current_user
from sqlalchemy.orm import Session


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The author of a change, as the log remembers it, and what they may see.

    ``entity_ids`` holds the entities within reach; None means all of them.
    """

    id: int | None
    name: str
    entity_ids: frozenset[int] | None
    home_id: int | None = None
    channel: str = "web"
    role_ids: frozenset[int] = frozenset()
    is_administrator: bool = False
    # The program itself: what it does is stopped by no rank.
    is_house: bool = False
    # The collective action this is part of, which the log names.
    operation_id: int | None = None
    # What they read in, if they chose; a job speaks to them in it when they are not there.
    language: str | None = None
    # The key they came with, if it was a program, and how far it reaches.
    key_id: int | None = None
    scopes: str | None = None

    def through(self, channel: str) -> Actor:
        """Return the same actor, working through another channel (cli, import, api…)."""
        return replace(self, channel=channel)


SYSTEM = Actor(id=None, name="Padrón", entity_ids=None, channel="cli", is_house=True)
NOBODY = Actor(id=None, name="", entity_ids=frozenset())

# Who has a number: filled in by the room of users, which lies further up.
Finder = Callable[[Session, int], Actor | None]
FINDERS: list[Finder] = []


def actor_numbered(session: Session, user_id: int) -> Actor | None:
    """Return the user with a number as they are now; None when they may no longer sign in."""
    return next((actor for find in FINDERS if (actor := find(session, user_id))), None)


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(actor: Actor):
    """Do what follows in the name of ``actor``."""
    token = _acting.set(actor)
    try:
        yield actor
    finally:
        _acting.reset(token)


def current_actor() -> Actor:
    """Return who acts now: the one named by ``acting_as``, the signed-in user, or the house."""
    named = _acting.get()
    if named is not None:
        return named
    if not has_request_context():
        return SYSTEM
    if "actor" not in g:
        g.actor = current_user.as_actor() if current_user.is_authenticated else NOBODY
    return g.actor
