"""Lock the entity tree while entities move, and update the stored paths."""

from __future__ import annotations

from sqlalchemy import event, func, inspect, select, update
from sqlalchemy.orm import Session

from app.entities.models import Entity
from app.entities.queries import get_path
from app.entities.rules import NotItsOwnParent
from app.entities.services import is_moved
from app.errors import DomainError


@event.listens_for(Session, "before_flush")
def _lock_moves(session: Session, _context, _instances) -> None:
    """Lock the root, so that the rules are asked about concurrent moves one after the other."""
    with session.no_autoflush:
        if any(
            isinstance(row, Entity) and is_moved(row) for row in (*session.new, *session.dirty)
        ):
            top = select(Entity.id).where(Entity.parent_id.is_(None))
            session.execute(top.with_for_update(key_share=True))


@event.listens_for(Session, "after_flush")
def _update_paths(session: Session, _context) -> None:
    moved = [
        row
        for row in (*session.new, *session.dirty)
        if isinstance(row, Entity)
        and (row in session.new or inspect(row).attrs.parent_id.history.has_changes())
    ]
    # A parent made in the same flush comes before its children: its id is smaller.
    for row in sorted(moved, key=lambda entity: entity.id):
        parent = "/" if row.parent_id is None else get_path(session, row.parent_id)
        path = f"{parent}{row.id}/"
        # Read the stored path: another transaction may have moved an ancestor.
        old = "" if row in session.new else get_path(session, row.id)
        if old and parent.startswith(old):
            # Two entities moved below each other in the same flush.
            raise DomainError(str(NotItsOwnParent.message), field="parent")
        table = Entity.__table__
        if old and old != path:
            session.execute(
                update(table)
                .where(table.c.path.startswith(old, autoescape=True), table.c.id != row.id)
                .values(path=path + func.substr(table.c.path, len(old) + 1))
            )
        session.execute(update(table).where(table.c.id == row.id).values(path=path))
        inspect(row).dict["path"] = path
