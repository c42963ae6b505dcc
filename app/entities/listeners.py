"""Keep the path of every entity, and of all below it, true."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import event, func, inspect, update
from sqlalchemy.orm import Session

from app.entities.models import Entity
from app.errors import DomainError


@event.listens_for(Session, "after_flush")
def _keep_paths(session: Session, _context) -> None:
    moved = [
        row
        for row in (*session.new, *session.dirty)
        if isinstance(row, Entity)
        and (row in session.new or inspect(row).attrs.parent_id.history.has_changes())
    ]
    # A parent made in the same flush comes before its children: its id is smaller.
    for row in sorted(moved, key=lambda entity: entity.id):
        parent = "/" if row.parent_id is None else _path_of(session, row.parent_id)
        path = f"{parent}{row.id}/"
        old = inspect(row).dict.get("path") or ""
        if old and parent.startswith(old):
            raise DomainError(_("An entity cannot be part of itself."), field="parent")
        table = Entity.__table__
        if old and old != path:
            session.execute(
                update(table)
                .where(table.c.path.startswith(old, autoescape=True), table.c.id != row.id)
                .values(path=path + func.substr(table.c.path, len(old) + 1))
            )
        session.execute(update(table).where(table.c.id == row.id).values(path=path))
        inspect(row).dict["path"] = path


def _path_of(session: Session, entity_id: int) -> str:
    table = Entity.__table__
    return (
        session.scalar(
            table.select().with_only_columns(table.c.path).where(table.c.id == entity_id)
        )
        or "/"
    )
