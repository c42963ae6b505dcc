"""Which rows an actor may see; asked by pages, API, actions, imports and commands alike."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, false, select, true

from app.security.actor import Actor


class Scoped:
    """Mixin of a row that belongs to an entity: visible to those who work in it or above it."""

    entity_id: Any

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition on rows visible to ``actor``."""
        return entity_in_reach(cls.entity_id, actor)


def entity_in_reach(column: Any, actor: Actor) -> ColumnElement[bool]:
    """Return the condition that an entity id column is among the entities ``actor`` may see."""
    if actor.entity_ids is None:
        return true()
    if not actor.entity_ids:
        return false()
    if len(actor.entity_ids) == 1:
        return column == next(iter(actor.entity_ids))
    return column.in_(sorted(actor.entity_ids))


def scope_condition(model: Any, actor: Actor) -> ColumnElement[bool]:
    """Return the condition on rows of ``model`` visible to ``actor``; all if it has no scope."""
    scope = getattr(model, "scope", None)
    return true() if scope is None else scope(actor)


def not_trashed(model: Any) -> ColumnElement[bool]:
    """Return the condition that a row is not in the trash.

    Needed in INSERT … SELECT only: the loader criterion adds it to every other SELECT.
    """
    return model.trashed_at.is_(None) if hasattr(model, "trashed_at") else true()


def visible(model: Any, actor: Actor) -> Select:
    """Select the rows of ``model`` that ``actor`` may see."""
    return select(model).where(scope_condition(model, actor))
