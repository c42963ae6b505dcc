"""Ask the rules and the locks about every row that the session writes, and refuse edited states."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import RelationshipDirection, Session

from app.changed import is_changed
from app.errors import DomainError
from app.lines import Line
from app.security.actor import current_actor
from app.states.conditions import is_written
from app.states.locks import Guarded, Lock, check_locks
from app.states.rules import check_rules
from app.states.stateful import STATE_NOT_EDITED, Stateful


@event.listens_for(Session, "before_flush")
def _link_rows_to_themselves_by_id(session: Session, _context, _instances) -> None:
    """Write a link of a row to itself as an id: SQLAlchemy cannot sort such a row after itself."""
    for row in session.dirty:
        for relation in _links_to_own_model(type(row)):
            name = relation.key
            if is_changed(row, (name,)) and getattr(row, name) is row:
                (column,) = relation.local_columns
                key = inspect(type(row)).get_property_by_column(column).key
                session.expire(row, [name])
                setattr(row, key, row.id)


@lru_cache(maxsize=128)
def _links_to_own_model(model: type) -> tuple[Any, ...]:
    return tuple(
        relation
        for relation in inspect(model).relationships
        if relation.direction is RelationshipDirection.MANYTOONE
        and relation.mapper.class_ is model
    )


@event.listens_for(Session, "before_flush")
def _check_locks(session: Session, _context, _instances) -> None:
    """Refuse the flush if a row that it changes, deletes or changes lines of is locked as stored."""
    locked = (Guarded, *(lock.model for lock in Lock.all()))
    rows = [row for row in session.dirty if isinstance(row, locked) and is_written(row)]
    rows += [row for row in session.deleted if isinstance(row, locked)]
    rows += [owner for owner in _owners_of_lines(session) if isinstance(owner, locked)]
    if rows:
        check_locks(session, rows)


def _owners_of_lines(session: Session) -> list[Any]:
    """Return the stored rows of which the flush adds, changes or deletes lines."""
    rows = (*session.new, *session.deleted, *session.dirty)
    lines: list[Any] = [row for row in rows if isinstance(row, Line)]
    owners = [
        line.owner for line in lines if line not in session.dirty or session.is_modified(line)
    ]
    return [owner for owner in owners if owner is not None and inspect(owner).persistent]


@event.listens_for(Session, "before_flush")
def _refuse_edited_states(session: Session, _context, _instances) -> None:
    """Refuse the flush if it changes a state: only transitions do, by a statement of their own."""
    for row in session.dirty:
        if isinstance(row, Stateful) and is_changed(row, ("state",)):
            raise DomainError(STATE_NOT_EDITED, field="state")


@event.listens_for(Session, "after_flush")
def _check_rules(session: Session, _context) -> None:
    """Refuse the flush if a row breaks a rule; links and ids are written by then."""
    check_rules(session, session.new, session.dirty, current_actor())
