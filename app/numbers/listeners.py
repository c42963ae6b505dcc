"""Give new rows their numbers when they are flushed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.numbers.models import Numbered
from app.numbers.services import free_numbers


@event.listens_for(Session, "before_flush")
def _give_numbers(session: Session, _context, _instances) -> None:
    """Give a number to every row that should have one, whose field was left or made empty."""
    without: dict[Any, list[Numbered]] = {}
    taken: set[str] = set()
    for row in (*session.new, *session.dirty):
        if not isinstance(row, Numbered) or not row.is_numbered_when_created:
            continue
        # Of a stored row whose number is not loaded, other fields were changed.
        number = inspect(row).dict.get("number") or (row in session.dirty and row.number)
        if number:
            taken.add(number)
        else:
            without.setdefault(type(row), []).append(row)
    for model, rows in without.items():
        numbers = free_numbers(session, model, len(rows), taken)
        for row, number in zip(rows, numbers, strict=True):
            row.number = number
