"""Change the order of the values of a repository."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.repositories.models import Repository

# Between two values, so that a row written by other means can stand between them.
STEP = 10


def give_last_position(session: Session, row: Repository) -> None:
    """Put a new value after all others of its list."""
    last = session.scalar(select(func.max(type(row).position)))
    row.position = (last or 0) + STEP


def move_value(session: Session, model: Any, row_id: int, *, up: bool) -> bool:
    """Exchange a value with the one before or after it; return False if there is no such value.

    The values are locked in the order of their ids and numbered anew where they need it: two
    may have the same position. At either end nothing changes.
    """
    rows = session.scalars(select(model).order_by(model.id).with_for_update()).all()
    values = sorted(rows, key=lambda row: (row.position, row.id))
    place = next((index for index, row in enumerate(values) if row.id == row_id), None)
    if place is None:
        return False
    other = place - 1 if up else place + 1
    if 0 <= other < len(values):
        values[place], values[other] = values[other], values[place]
        positions = sorted(row.position for row in values)
        if len(set(positions)) < len(positions):
            positions = [STEP * number for number in range(1, len(values) + 1)]
        for row, position in zip(values, positions, strict=True):
            row.position = position
    return True
