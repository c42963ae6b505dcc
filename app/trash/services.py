"""Move rows to the trash, restore them and purge them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from time import sleep
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func
from sqlalchemy.orm import Session

from app.log.models import is_logged
from app.log.services import record_many
from app.security.actor import SYSTEM, Actor
from app.security.scope import visible
from app.states.locks import not_locked
from app.storage.models import may_have_files
from app.storage.services import forget_files_of
from app.types import now

# How many rows the program purges by itself in one transaction: on SQLite it holds the write lock
# for some 40 ms, and pauses for longer than SQLite lets those who wait for the lock sleep.
SQLITE_CHUNK, POSTGRES_CHUNK = 50, 500
SQLITE_PAUSE_SECONDS = 0.1


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


def _select_purgeable(model: Any, actor: Actor, *conditions: ColumnElement[bool]) -> Any:
    """Select the rows that ``select_trashed`` does, without those that are locked."""
    return select_trashed(model, actor, *conditions, *not_locked(model, actor))


def purge_all(
    session: Session, model: Any, actor: Actor, *, before: datetime | None = None, chunk: int = 500
) -> int:
    """Purge the trashed rows that the actor may see; return how many. See ``purge_chunks``."""
    return sum(purge_chunks(session, model, actor, before=before, chunk=chunk))


def purge_chunks(
    session: Session, model: Any, actor: Actor, *, before: datetime | None = None, chunk: int = 500
) -> Iterator[int]:
    """Purge the trashed rows that the actor may see; yield the number of each chunk.

    Each chunk is one transaction and is deleted in one statement. The foreign keys of the
    database delete what belongs to the rows and unlink what points to them. Rows trashed at or
    after ``before`` are kept.
    """
    last = 0
    chosen = _select_purgeable(model, actor, *_older(model, before))
    candidates = chosen.with_only_columns(model.id).order_by(model.id).limit(chunk)
    while ids := session.scalars(candidates.where(model.id > last)).all():
        count = purge_rows(session, model, chosen.where(model.id.in_(ids)), actor)
        session.commit()
        session.expunge_all()
        last = ids[-1]
        yield count


def purge_old(session: Session, model: Any, before: datetime) -> Iterator[int]:
    """Purge rows trashed before a moment, as the system; yield the number of each chunk.

    On SQLite chunks are small, and others may write between them.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    chunk = SQLITE_CHUNK if is_sqlite else POSTGRES_CHUNK
    for count in purge_chunks(session, model, SYSTEM, before=before, chunk=chunk):
        yield count
        if is_sqlite:
            sleep(SQLITE_PAUSE_SECONDS)


def purge_one(session: Session, model: Any, actor: Actor, row_id: int) -> bool:
    """Purge a row that is in the trash and in the actor's scope; return whether it was there."""
    chosen = _select_purgeable(model, actor, model.id == row_id)
    return bool(purge_rows(session, model, chosen, actor))


def purge_rows(session: Session, model: Any, chosen: Select, actor: Actor) -> int:
    """Delete and log the rows that ``chosen`` still selects, by a condition; return how many.

    Somebody may restore a row, or move it elsewhere, after its id was read. So the rows are
    locked by the statement that repeats the conditions, and only what was deleted is logged.
    """
    locked = chosen.order_by(model.id).with_for_update(of=model)
    rows = session.scalars(locked).unique().all()
    if not rows:
        return 0
    names = {row.id: (str(row), row.version) for row in rows}
    condition = chosen.whereclause
    assert condition is not None
    deleted = session.scalars(
        delete(model)
        .where(model.id.in_(list(names)), condition)
        .returning(model.id)
        .execution_options(synchronize_session=False, with_trash=True)
    ).all()
    if may_have_files(model):
        forget_files_of(session, model.__tablename__, deleted)
    entries = [
        {
            "subject_id": pk,
            "subject_name": names[pk][0],
            "version": names[pk][1],
            "changes": None,
        }
        for pk in sorted(deleted)
    ]
    if is_logged(model):
        record_many(session, "purged", model.__tablename__, entries, actor)
    return len(entries)


def count_trashed(session: Session, model: Any, actor: Actor, before: datetime | None) -> int:
    """Return how many rows would be purged."""
    query = _select_purgeable(model, actor, *_older(model, before))
    return session.scalar(query.with_only_columns(func.count(model.id))) or 0


def _older(model: Any, before: datetime | None) -> tuple[ColumnElement[bool], ...]:
    return () if before is None else (model.trashed_at < before,)
