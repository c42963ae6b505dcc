"""Validate moves in the entity tree and update the stored paths."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import event, func, inspect, select, update
from sqlalchemy.orm import Session

from app.entities.models import Entity
from app.entities.queries import get_path
from app.entities.services import check_parent, is_moved
from app.errors import DomainError
from app.security.actor import current_actor


@event.listens_for(Session, "before_flush")
def _check_moves(session: Session, _context, _instances) -> None:
    """Refuse invalid parents, whatever makes the change: forms, restored values, commands."""
    entities = [row for row in (*session.new, *session.dirty) if isinstance(row, Entity)]
    moved = [entity for entity in entities if is_moved(entity)]
    with session.no_autoflush:
        if moved:
            # Lock the root, so that concurrent moves are checked one after the other.
            top = select(Entity.id).where(Entity.parent_id.is_(None))
            session.execute(top.with_for_update(key_share=True))
        for entity in moved:
            check_parent(session, entity, current_actor())


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
            raise DomainError(_("An entity can’t be its own parent."), field="parent")
        table = Entity.__table__
        if old and old != path:
            session.execute(
                update(table)
                .where(table.c.path.startswith(old, autoescape=True), table.c.id != row.id)
                .values(path=path + func.substr(table.c.path, len(old) + 1))
            )
        session.execute(update(table).where(table.c.id == row.id).values(path=path))
        inspect(row).dict["path"] = path
