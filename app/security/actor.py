"""The actor of a change: a member of staff, a contact, a visitor, or the program itself."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from flask import g, has_request_context
from flask_login import current_user
from sqlalchemy.orm import Session

from app.registry import Plug


class ActorKind(StrEnum):
    """The kinds of actor, as the log stores them."""

    STAFF = "staff"
    CONTACT = "contact"
    VISITOR = "visitor"
    SYSTEM = "system"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The author of a change, as the log records it, and the entities they may see.

    ``id`` is that of a user of the back-office, and None for every other kind of actor;
    ``contact_id`` is that of a contact who acts for themselves. ``entity_ids`` holds the ids of
    the visible entities; None means all of them.
    """

    kind: ActorKind
    id: int | None
    contact_id: int | None = None
    name: str
    entity_ids: frozenset[int] | None
    home_id: int | None = None
    channel: str = "web"
    role_ids: frozenset[int] = frozenset()
    is_administrator: bool = False
    # The id of the operation this change belongs to, for the log.
    operation_id: int | None = None
    # The chosen interface language, if any; jobs write their reports in it.
    language: str | None = None
    # The API key of the request, if there was one, and its scopes.
    key_id: int | None = None
    scopes: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an actor who is no staff and has what only staff may have."""
        if self.kind is ActorKind.STAFF or self.kind is ActorKind.SYSTEM:
            is_sound = self.contact_id is None
        else:
            is_sound = (self.contact_id is not None) == (self.kind is ActorKind.CONTACT) and (
                self.id is None and self.entity_ids == frozenset()
                and not self.role_ids and not self.is_administrator
            )  # fmt: skip
        if not is_sound:
            raise ValueError(f"A {self.kind} cannot be such an actor: {self}")

    @property
    def is_system(self) -> bool:
        """Return True for the program itself: no privilege check applies to it."""
        return self.kind is ActorKind.SYSTEM

    @property
    def is_staff(self) -> bool:
        """Return True for a user of the back-office and for the program itself."""
        return self.kind in (ActorKind.STAFF, ActorKind.SYSTEM)

    def log_columns(self) -> dict[str, Any]:
        """Return the columns of a log entry that say who made the change."""
        return {
            "actor_type": self.kind.value,
            "actor_id": self.id if self.contact_id is None else self.contact_id,
            "actor_name": self.name,
            "channel": self.channel,
            "operation_id": self.operation_id,
        }

    def with_channel(self, channel: str) -> Actor:
        """Return the same actor on another channel (cli, import, api…)."""
        return replace(self, channel=channel)


SYSTEM = Actor(kind=ActorKind.SYSTEM, id=None, name="Padrón", entity_ids=None, channel="cli")
NOBODY = Actor(kind=ActorKind.VISITOR, id=None, name="", entity_ids=frozenset())


def contact_actor(contact_id: int, name: str, *, language: str | None = None) -> Actor:
    """Return the actor of a contact who acts for themselves, without any right of staff."""
    return Actor(
        kind=ActorKind.CONTACT, id=None, contact_id=contact_id, name=name,
        entity_ids=frozenset(), language=language,
    )  # fmt: skip


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
    """Return the actor set by ``acting_as``, else who is logged in, else the system.

    In the pages of another population than staff, the guard has set ``g.actor``.
    """
    actor = _acting.get()
    if actor is not None:
        return actor
    if not has_request_context():
        return SYSTEM
    if "actor" not in g:
        g.actor = current_user.as_actor() if current_user.is_authenticated else NOBODY
    return g.actor
