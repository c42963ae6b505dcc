"""Move rows to the trash, restore them and purge them."""

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
    """Move a row to the trash; its links stay as they are."""
    row.trashed_at = now()
    row.trashed_by_id = actor.id


def restore(row: Any) -> None:
    """Restore a row from the trash."""
    row.trashed_at = None
    row.trashed_by_id = None


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
    """Purge the trashed rows that the actor may see; return how many.

    Each chunk is one transaction and is deleted in one statement. The foreign keys of the
    database delete what belongs to the rows and unlink what points to them. Rows trashed at or
    after ``before`` are kept.
    """
    count = 0
    query = select_trashed(model, actor, *_older(model, before)).order_by(model.id).limit(chunk)
    while rows := session.scalars(query).all():
        entries = [
            {
                "subject_id": row.id,
                "subject_name": str(row),
                "version": row.version,
                "changes": None,
            }
            for row in rows
        ]
        record_many(session, "purged", model.__tablename__, entries, actor)
        ids = [row["subject_id"] for row in entries]
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
