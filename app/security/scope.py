"""Which rows an actor may see. Every door of the house asks here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, false, select, true

from app.security.actor import Actor


class Scoped:
    """A row that belongs to an entity: seen by those who work in it or above it."""

    entity_id: Any

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition a row must meet to be seen by ``actor``."""
        return within(cls.entity_id, actor)


def within(column: Any, actor: Actor) -> ColumnElement[bool]:
    """Return the condition that ``column`` names an entity within the actor's reach."""
    if actor.entity_ids is None:
        return true()
    if not actor.entity_ids:
        return false()
    if len(actor.entity_ids) == 1:
        return column == next(iter(actor.entity_ids))
    return column.in_(sorted(actor.entity_ids))


def scope_of(model: Any, actor: Actor) -> ColumnElement[bool]:
    """Return the condition under which ``actor`` sees a row of ``model``."""
    scope = getattr(model, "scope", None)
    return true() if scope is None else scope(actor)


def alive(model: Any) -> ColumnElement[bool]:
    """Return the condition that a row is not in the trash, for statements that ask for it in words.

    A SELECT leaves out what is in the trash by itself; what is inside of an INSERT does not.
    """
    return model.trashed_at.is_(None) if hasattr(model, "trashed_at") else true()


def visible(model: Any, actor: Actor) -> Select:
    """Select the rows of ``model`` that ``actor`` may see."""
    return select(model).where(scope_of(model, actor))
