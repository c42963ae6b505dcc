"""Find rows by numbers that they no longer have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.bulk import is_one_of
from app.numbers.models import FormerNumber


def find_by_former_number(session: Session, model: Any, numbers: Iterable[str]) -> dict[str, int]:
    """Return by number the ids of the rows that rows with these numbers were merged into.

    It is one statement, and asks for no actor's scope: select the rows by ``visible``.
    """
    is_wanted = is_one_of(session.get_bind().dialect, FormerNumber.number, numbers)
    query = select(FormerNumber.number, FormerNumber.subject_id).where(
        FormerNumber.subject_type == model.__tablename__, is_wanted
    )
    return {row.number: row.subject_id for row in session.execute(query)}


def former_numbers(session: Session, row: Any) -> list[str]:
    """Return the numbers of the rows that were merged into a row."""
    query = select(FormerNumber.number).where(
        FormerNumber.subject_type == row.__tablename__, FormerNumber.subject_id == row.id
    )
    return list(session.scalars(query.order_by(FormerNumber.number)))
