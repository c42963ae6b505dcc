"""Write log entries, and restore old values from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, scoped_session

from app.bulk import insert_rows
from app.errors import DomainError
from app.fieldtypes import get_field_type, to_json
from app.lines import line_relations
from app.log.lines import restore_lines
from app.log.models import SECURITY_SUBJECT, LogEntry
from app.log.reactions import notify_of_table
from app.log.values import foreign_keys, link_to_json, logged_columns, many_to_many
from app.security.actor import Actor
from app.security.scope import visible
from app.storage.models import file_fields, key_of
from app.storage.services import lock_file
from app.types import now


def record_many(
    session: Session,
    event: str,
    subject_type: str,
    rows: Iterable[dict[str, Any]],
    actor: Actor,
) -> None:
    """Write one entry for each of ``rows``, in one statement, once the rows are changed.

    The reactions to the event are called. Each row gives ``subject_id``, ``subject_name``, ``version`` and ``changes`` (see LogEntry).
    """
    common = {
        "at": now(),
        **actor.log_columns(),
        "event": event,
        "subject_type": subject_type,
    }
    entries = [{**row, "subject_name": row["subject_name"][:200]} for row in rows]
    if entries:
        # As a statement of the session does; in a flush, it does nothing.
        real: Any = session() if isinstance(session, scoped_session) else session
        real._autoflush()
        insert_rows(session.connection(), LogEntry.__table__, entries, common)
        fields = {name for entry in entries for name in entry["changes"] or ()}
        ids = [entry["subject_id"] for entry in entries]
        notify_of_table(session, subject_type, event, ids, fields, actor)


def column_to_json(session: Session, row: Any, key: str, value: Any) -> Any:
    """Return a column's value as a log entry stores it; a foreign key as [id, label]."""
    target = foreign_keys(type(row)).get(key)
    if target is None or value is None:
        return to_json(value)
    return link_to_json(session.get(target[1], value)) or [value, ""]


def record_security_event(
    session: Session,
    event: str,
    actor: Actor,
    *,
    about: int | None = None,
    name: str = "",
    **details: Any,
) -> None:
    """Log a security event (login, rights, export) for the security page.

    ``about`` and ``name`` are the id and name of the user of the back-office who is affected;
    of a contact give the name alone, and the id among the details. ``details`` are plain values,
    shown as they are; a tuple is (old, new). Never pass passwords, tokens or other secrets.
    """
    row = {
        "subject_id": about or 0,
        "subject_name": name,
        "version": None,
        "changes": {
            key: list(value) if isinstance(value, tuple) else [None, value]
            for key, value in details.items()
        }
        or None,
    }
    record_many(session, event, SECURITY_SUBJECT, [row], actor)


def restore_value(session: Session, row: Any, entry: LogEntry, field: str, actor: Actor) -> None:
    """Set ``field`` of ``row`` to the value it had before ``entry``; this is logged as well.

    Raise DomainError if the entry has no such value or a linked row is gone or out of scope.
    """
    if entry.subject_type != row.__tablename__ or entry.subject_id != row.id:
        raise DomainError(_("This log entry is about a different item."))
    if entry.is_emptied:
        raise DomainError(_("The values of this log entry were emptied by request."))
    # An entry “created” has no old values, and a required field must not become empty.
    if entry.event != "changed" or not entry.changes or field not in entry.changes:
        raise DomainError(_("This log entry doesn’t include this field."))
    old = entry.changes[field][0]
    model = type(row)
    if field in many_to_many(model):
        target = inspect(model).relationships[field].mapper.class_
        setattr(row, field, _load_all(session, target, [pk for pk, _label in old or []], actor))
    elif field in line_relations(model):
        _check_links(session, line_relations(model)[field], old or [], actor)
        restore_lines(row, field, old or [])
    elif field in foreign_keys(model) and field in logged_columns(model):
        if old is not None:
            _load_all(session, foreign_keys(model)[field][1], [old[0]], actor)
        setattr(row, field, None if old is None else old[0])
    elif field in logged_columns(model):
        if old and field in file_fields(model) and not lock_file(session, key_of(old)):
            raise DomainError(
                _("The previous value can’t be restored because it no longer exists.")
            )
        setattr(row, field, _from_json(model, field, old))
    else:
        raise DomainError(_("This field can no longer be changed."))


def _check_links(session: Session, model: Any, lines: list[dict], actor: Actor) -> None:
    """Raise DomainError if a row that old lines link to is gone or out of scope."""
    for relation in inspect(model).relationships:
        if relation.key in model.fields:
            ids = {line[relation.key][0] for line in lines if line.get(relation.key)}
            _load_all(session, relation.mapper.class_, sorted(ids), actor)


def _load_all(session: Session, model: type, ids: list[int], actor: Actor) -> list[Any]:
    rows = list(session.scalars(visible(model, actor).where(model.id.in_(ids)))) if ids else []
    if len(rows) != len(set(ids)):
        raise DomainError(_("The previous value can’t be restored because it no longer exists."))
    return rows


def _from_json(model: type, field: str, value: Any) -> Any:
    """Convert a JSON value to the type of the column."""
    column = inspect(model).column_attrs[field].columns[0]
    if value is None:
        return None if column.nullable else ""
    try:
        restored = get_field_type(column).from_json(value)
    except (ValueError, TypeError, ArithmeticError):
        restored = None
    # The field may have been of another kind then.
    if not isinstance(restored, column.type.python_type):
        raise DomainError(_("The previous value does not fit the field any more."))
    return restored


def get_entry(session: Session, entry_id: int) -> LogEntry | None:
    """Return the entry with this id, or None."""
    return session.scalar(select(LogEntry).where(LogEntry.id == entry_id))
