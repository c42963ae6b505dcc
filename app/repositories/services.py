"""Change the order of the values of a repository."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from app.log.services import record_many
from app.repositories.models import Repository
from app.security.actor import Actor


def fill_list(session: Session, model: Any, values: Iterable[tuple[str, str, str]]) -> None:
    """Add values to an empty list: label in English, label in Spanish, colour."""
    if session.scalar(select(model.id).limit(1)) is not None:
        return
    for place, (label_en, label_es, colour) in enumerate(values, 1):
        row = model(label_en=label_en, label_es=label_es, colour=colour, position=place * 10)
        session.add(row)


def give_last_position(session: Session, row: Repository) -> None:
    """Put a new value after all others of its list."""
    last = session.scalar(select(func.max(type(row).position)))
    row.position = (last or 0) + 1


def move_value(session: Session, model: Any, row_id: int, actor: Actor, *, up: bool) -> bool:
    """Exchange a value with the one before or after it; return False if there is no such value.

    The list is numbered from 1, since several values may have the same position. No form has the
    position, so no value gets a new version, and only the moved one a log entry. At either end
    nothing changes.
    """
    # Locked in the order of their ids, so that no two moves wait for each other.
    query = select(model.id, model.position).order_by(model.id).with_for_update()
    positions = {row.id: row.position for row in session.execute(query)}
    if row_id not in positions:
        return False
    order = sorted(positions, key=lambda pk: (positions[pk], pk))
    old = order.index(row_id)
    new = old - 1 if up else old + 1
    if not 0 <= new < len(order):
        return True
    order[old], order[new] = order[new], order[old]
    changed = {pk: place for place, pk in enumerate(order, 1) if place != positions[pk]}
    session.execute(
        update(model)
        .where(model.id.in_(changed))
        .values(position=case(changed, value=model.id), updated_at=model.updated_at),
        execution_options={"synchronize_session": "fetch"},
    )
    row = session.get_one(model, row_id)
    entry = {
        "subject_id": row_id,
        "subject_name": str(row),
        "version": row.version,
        "changes": {"position": [old + 1, new + 1]},
    }
    record_many(session, "changed", model.__tablename__, [entry], actor)
    return True
