"""Find merges, and the row that a merged one leads to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, false, or_, select
from sqlalchemy.orm import Session

from app.merging.models import Merge
from app.security.actor import Actor
from app.security.scope import sees_all, visible
from app.trash.services import select_trashed


def find_survivor(session: Session, model: Any, row_id: int, actor: Actor) -> Any:
    """Return the row that a merged one has become, or None if the actor may not see both.

    It may have been merged itself since: the chain is followed to its end.
    """
    merged = session.scalar(
        select_trashed(model, actor, model.id == row_id, model.merged_into_id.is_not(None))
    )
    seen = {row_id}
    while merged is not None and merged.merged_into_id not in (None, *seen):
        seen.add(merged.merged_into_id)
        query = visible(model, actor).where(model.id == merged.merged_into_id)
        merged = session.scalar(query.execution_options(with_trash=True))
    return None if merged is None or merged.trashed_at is not None else merged


def newest_merge(session: Session, row: Any) -> int | None:
    """Return the id of the newest merge into a row that is not undone."""
    query = select(Merge.id).where(
        Merge.subject_type == row.__tablename__,
        Merge.survivor_id == row.id,
        Merge.undone_at.is_(None),
    )
    return session.scalar(query.order_by(Merge.id.desc()).limit(1))


def find_merge(session: Session, model: Any, merge_id: int) -> Merge | None:
    """Return a merge of two rows of a model by its id, or None."""
    query = select(Merge).where(Merge.id == merge_id, Merge.subject_type == model.__tablename__)
    return session.scalar(query)


def rows_of(session: Session, model: Any, merge: Merge, actor: Actor) -> tuple[Any, Any]:
    """Return the two rows of a merge, wherever they are; None for one the actor may not see."""
    ids = (merge.survivor_id, merge.merged_id)
    query = visible(model, actor).where(or_(*(model.id == one for one in ids)))
    rows = session.scalars(query.execution_options(with_trash=True)).unique()
    found = {row.id: row for row in rows}
    return found.get(ids[0]), found.get(ids[1])


def merges_before(
    session: Session, models: Sequence[Any], actor: Actor, before: int, limit: int
) -> list[tuple[Merge, Any, Any]]:
    """Return the newest merges with an id below ``before``, each with its two rows.

    They are those of which the actor may see both. ``before`` 0: from the newest on.
    """
    conditions = []
    for model in models:
        seen = visible(model, actor).with_only_columns(model.id)
        pair = (Merge.survivor_id.in_(seen), Merge.merged_id.in_(seen))
        both = () if sees_all(model, actor) else pair
        conditions.append(and_(Merge.subject_type == model.__tablename__, *both))
    query = select(Merge).where(or_(false(), *conditions)).order_by(Merge.id.desc()).limit(limit)
    if before:
        query = query.where(Merge.id < before)
    merges = session.scalars(query.execution_options(with_trash=True)).all()
    rows: dict[tuple[str, int], Any] = {}
    for model in models:
        table = model.__tablename__
        ids = {
            one
            for merge in merges
            if merge.subject_type == table
            for one in (merge.survivor_id, merge.merged_id)
        }
        if ids:
            found = visible(model, actor).where(model.id.in_(sorted(ids)))
            for row in session.scalars(found.execution_options(with_trash=True)).unique():
                rows[table, row.id] = row
    return [
        (merge, rows.get((merge.subject_type, merge.survivor_id)),
         rows.get((merge.subject_type, merge.merged_id)))
        for merge in merges
    ]  # fmt: skip
