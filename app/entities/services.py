"""Create entities, and tell which are moved."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app.entities.models import Entity
from app.entities.queries import get_root


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
