"""Find out whether a value of a repository is in use."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session


def is_in_use(session: Session, value: Any) -> bool:
    """Return True if any row, trashed ones included, links to a value.

    The value is locked, so that nobody can link to it before it is deleted.
    """
    table = value.__table__
    session.execute(select(table.c.id).where(table.c.id == value.id).with_for_update())
    links = (
        key.parent
        for other in table.metadata.tables.values()
        for key in other.foreign_keys
        if key.column is table.c.id
    )
    return any(
        session.execute(select(link).where(link == value.id).limit(1)).first() for link in links
    )
