"""Queries of the entity tree."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.entities.models import Entity


def get_root(session: Session) -> Entity | None:
    """Return the root of the tree: the organisation itself."""
    return session.scalar(select(Entity).where(Entity.parent_id.is_(None)).order_by(Entity.id))


def get_path(session: Session, entity_id: int) -> str:
    """Return the stored path of an entity; “/” if there is none."""
    return session.scalar(select(Entity.path).where(Entity.id == entity_id)) or "/"


def subtree_ids(session: Session, path: str) -> frozenset[int]:
    """Return the ids of the entity with this path and of all its descendants."""
    return frozenset(
        session.scalars(select(Entity.id).where(Entity.path.startswith(path, autoescape=True)))
    )
