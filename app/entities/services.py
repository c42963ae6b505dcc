"""Validate and create entities."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app.entities.models import Entity
from app.entities.queries import get_path, get_root
from app.errors import DomainError
from app.security.actor import Actor


def check_parent(session: Session, entity: Entity, actor: Actor) -> None:
    """Raise DomainError if the parent is invalid or the actor may not choose it.

    There is one root and no cycle. An actor may move entities only within their own scope, and
    never their own entity: otherwise they could widen their scope.
    """
    top, parent = get_root(session), new_parent(session, entity)
    if parent is None and top is not None and top.id != entity.id:
        raise DomainError(
            _(
                "Choose a parent entity. Only %(name)s can be at the top.",
                name=top.name,
            ),
            field="parent",
        )
    above = "/" if parent is None or parent.id is None else get_path(session, parent.id)
    if entity.id and f"/{entity.id}/" in above:
        raise DomainError(_("An entity can’t be its own parent."), field="parent")
    if actor.is_system or actor.entity_ids is None or not is_moved(entity):
        return
    history: Any = inspect(entity).attrs.parent_id.history
    before = [*history.deleted, *history.unchanged]
    places = [None if parent is None else parent.id, *(pk for pk in before if pk is not None)]
    if entity.id == actor.home_id or any(pk not in actor.entity_ids for pk in places):
        raise DomainError(_("Choose your entity or one below it."), field="parent")


def new_parent(session: Session, entity: Entity) -> Entity | None:
    """Return the parent the entity is about to have, set as object or as id."""
    state: Any = inspect(entity).attrs
    # If both were set, the flush writes the object's id.
    if state.parent.history.has_changes():
        return entity.parent
    return None if entity.parent_id is None else session.get(Entity, entity.parent_id)


def is_moved(entity: Entity) -> bool:
    """Return True if the entity is new or its parent changes."""
    state: Any = inspect(entity)
    return not state.persistent or any(
        state.attrs[name].history.has_changes() for name in ("parent", "parent_id")
    )


def ensure_root(session: Session, name: str) -> Entity:
    """Return the root of the tree; create it if there is none."""
    top = get_root(session)
    if top is None:
        top = Entity(name=name)
        session.add(top)
        session.flush()
    return top
