"""Whether a value of a repository stands on any file."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session


def is_in_use(session: Session, value: Any) -> bool:
    """Say whether any row is linked to a value, those in the trash included.

    The value is held meanwhile, so that nobody links to it before it is deleted.
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
