"""Which rows an actor may see; asked by pages, API, actions, imports and commands alike."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Select, false, select, true
from sqlalchemy.sql.elements import True_

from app.security.actor import Actor, ActorKind

# The class method with the scope for actors who are no staff. Without it they see no row.
PORTAL_SCOPE, VISITOR_SCOPE = "portal_scope", "visitor_scope"


class OpenToStaff:
    """Mixin of a row that every member of staff may see, such as a contact type."""

    is_open_to_staff: ClassVar[bool] = True


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
    """Return the condition on rows of ``model`` visible to ``actor``.

    For staff it is the model's ``scope``, or none if the model is ``OpenToStaff``; TypeError is
    raised if it is neither. For a contact it is ``portal_scope`` and for a visitor
    ``visitor_scope``; a model without them shows these actors no row.
    """
    if actor.is_staff:
        check_scope(model)
        return true() if _is_open_to_staff(model) else model.scope(actor)
    name = PORTAL_SCOPE if actor.kind is ActorKind.CONTACT else VISITOR_SCOPE
    scope = getattr(model, name, None)
    return false() if scope is None else scope(actor)


def check_scope(model: Any) -> None:
    """Raise TypeError if a model does not say which of its rows staff may see."""
    if not _is_open_to_staff(model) and not hasattr(model, "scope"):
        raise TypeError(
            f"{model} does not say which of its rows staff may see: inherit Scoped or"
            " OpenToStaff, or define the class method scope."
        )


def sees_all(model: Any, actor: Actor) -> bool:
    """Return True if no row of ``model`` is hidden from ``actor`` by their entities."""
    return actor.is_staff and (_is_open_to_staff(model) or actor.entity_ids is None)


def sees_every_row(model: Any, actor: Actor) -> bool:
    """Return True if the scope of ``model`` hides no row from ``actor``."""
    return isinstance(scope_condition(model, actor), True_)


def is_surely_visible(row: Any, actor: Actor) -> bool:
    """Return True if a row that was read is known to be visible without asking the database.

    False says nothing: ``visible`` has to be asked.
    """
    if not actor.is_staff or getattr(row, "trashed_at", None) is not None:
        return False
    model = type(row)
    if sees_every_row(model, actor):
        return True
    if (decide := getattr(row, "is_in_scope", None)) is not None:
        return decide(actor)
    own, usual = (getattr(scope, "__func__", None) for scope in (model.scope, Scoped.scope))
    return own is usual and row.entity_id in (actor.entity_ids or ())


def _is_open_to_staff(model: Any) -> bool:
    return getattr(model, "is_open_to_staff", False)


def not_trashed(model: Any) -> ColumnElement[bool]:
    """Return the condition that a row is not in the trash.

    Needed in INSERT … SELECT only: the loader criterion adds it to every other SELECT.
    """
    return model.trashed_at.is_(None) if hasattr(model, "trashed_at") else true()


def visible(model: Any, actor: Actor) -> Select:
    """Select the rows of ``model`` that ``actor`` may see."""
    return select(model).where(scope_condition(model, actor))
