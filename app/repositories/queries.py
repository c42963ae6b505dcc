"""Queries of the values of a repository."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session


def first_value(session: Session, model: Any) -> Any:
    """Return the first available value in the organisation's order, or None.

    It is the default of forms: the organisation chooses it by the order of the values.
    """
    query = select(model).where(model.is_active).order_by(model.position, model.id)
    return session.scalars(query.limit(1)).first()
