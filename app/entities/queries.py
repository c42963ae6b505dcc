"""Queries of the entity tree."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, and_, case, cast, func, select
from sqlalchemy.orm import Session, aliased

from app.entities.models import Entity
from app.security.user_facts import UserFact


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


class Reach(UserFact):
    """The ids of the entities below that of the user; none for the top, which sees everything."""

    @classmethod
    def expression(cls, user: Any) -> Any:
        """Return the ids, separated by commas."""
        home, below = aliased(Entity), aliased(Entity)
        # A path is of digits and slashes, and “:” comes after both: an index finds the range.
        is_below = and_(below.path >= home.path, below.path < home.path.concat(":"))
        ids = func.aggregate_strings(cast(below.id, String), ",")
        reach = select(ids).where(is_below).correlate(home).scalar_subquery()
        query = select(case((home.parent_id.is_not(None), reach)))
        return query.where(home.id == user.entity_id).correlate(user).scalar_subquery()


def reach_of_user(user_id: int) -> frozenset[int] | None:
    """Return the ids that were read with the user of the request; None if they were not."""
    text = Reach.find(user_id)
    return None if text is None else frozenset(map(int, text.split(","))) if text else frozenset()
