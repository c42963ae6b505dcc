"""Put rows away, restore them, and delete them for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.security.actor import Actor
from app.security.scope import visible
from app.types import now


def put_away(row: Any, actor: Actor) -> None:
    """Move a row to the trash; everything linked to it stays as it is."""
    row.trashed_at = now()
    row.trashed_by_id = actor.id


def restore(row: Any) -> None:
    """Bring a row back from the trash."""
    row.trashed_at = None
    row.trashed_by_id = None


def purge(session: Session, row: Any) -> None:
    """Delete a row for good; rows that point to it lose the link and nothing else."""
    session.delete(row)


def trashed(model: Any, actor: Actor, *conditions: ColumnElement[bool]) -> Any:
    """Select the trashed rows of a model that the actor may see."""
    return (
        visible(model, actor)
        .where(model.trashed_at.is_not(None), *conditions)
        .execution_options(with_trash=True)
    )


def purge_all(session: Session, model: Any, actor: Actor, chunk: int = 500) -> int:
    """Empty the trash of what the actor may see, a chunk a transaction; return how many went."""
    count = 0
    while rows := _some(session, model, actor, chunk):
        for row in rows:
            purge(session, row)
        session.commit()
        count += len(rows)
    return count


def _some(session: Session, model: Any, actor: Actor, limit: int) -> Sequence[Any]:
    ids = select(trashed(model, actor).subquery().c.id).limit(limit)
    return session.scalars(
        select(model).where(model.id.in_(ids)).execution_options(with_trash=True)
    ).all()
