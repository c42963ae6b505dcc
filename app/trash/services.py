"""Put rows away, restore them, and delete them for good."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func
from sqlalchemy.orm import Session

from app.log.services import record_many
from app.security.actor import Actor
from app.security.scope import visible
from app.types import now


def move_to_trash(row: Any, actor: Actor) -> None:
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


def select_trashed(model: Any, actor: Actor, *conditions: ColumnElement[bool]) -> Any:
    """Select the trashed rows of a model that the actor may see."""
    return (
        visible(model, actor)
        .where(model.trashed_at.is_not(None), *conditions)
        .execution_options(with_trash=True)
    )


def purge_all(
    session: Session,
    model: Any,
    actor: Actor,
    *,
    before: datetime | None = None,
    chunk: int = 500,
) -> int:
    """Empty the trash of what the actor may see, a chunk a transaction; return how many went.

    ``before`` spares what was put there later. The rows of a chunk go in one statement; the database's foreign keys take what belongs to
    them and unlink what pointed to them.
    """
    count = 0
    query = select_trashed(model, actor, *_older(model, before)).order_by(model.id).limit(chunk)
    while rows := session.scalars(query).all():
        gone = [
            {
                "subject_id": row.id,
                "subject_name": str(row),
                "version": row.version,
                "changes": None,
            }
            for row in rows
        ]
        record_many(session, "purged", model.__tablename__, gone, actor)
        ids = [row["subject_id"] for row in gone]
        session.execute(
            delete(model).where(model.id.in_(ids)),
            execution_options={"synchronize_session": False},
        )
        session.commit()
        session.expunge_all()
        count += len(ids)
    return count


def count_trashed(session: Session, model: Any, actor: Actor, before: datetime | None) -> int:
    """Return how many rows ``purge_all`` would delete."""
    query = select_trashed(model, actor, *_older(model, before))
    return session.scalar(query.with_only_columns(func.count(model.id))) or 0


def _older(model: Any, before: datetime | None) -> tuple[ColumnElement[bool], ...]:
    return () if before is None else (model.trashed_at < before,)
