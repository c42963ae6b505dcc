"""Write a log entry for every change of a logged row that the session flushes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, insert, inspect
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.orm.base import PASSIVE_NO_INITIALIZE

from app.added_fields import StoredField
from app.changed import changed_attributes, is_changed
from app.lines import Line, line_relations
from app.log.lines import changed_lines, owners_of_changed_lines
from app.log.models import LogEntry, is_logged
from app.log.reactions import Reaction, notify_of_table
from app.log.services import column_to_json
from app.log.values import link_to_json, logged_columns, many_to_many
from app.security.actor import Actor, current_actor
from app.types import now

# Into the table: as a statement of the ORM it would take twice as long.
_INSERT = insert(LogEntry.__table__)
# In ``session.info``: the entries of a flush, until it has ended.
_WRITTEN = "log_entries_written"


@event.listens_for(Mapper, "mapper_configured")
def _enable_active_history(mapper: Mapper, model: type) -> None:
    """Make the columns of logged models load their old value before it is overwritten."""
    if is_logged(model) or issubclass(model, Line):
        for attribute in mapper.column_attrs:
            getattr(model, attribute.key).impl.active_history = True


@StoredField.follow
def _enable_active_history_of_field(field: type[StoredField]) -> None:
    """Do the same for a field added to a model that is configured already."""
    mapper = inspect(field.model)
    if is_logged(field.model) and mapper.configured:
        getattr(field.model, field.name).impl.active_history = True


@event.listens_for(Session, "before_flush")
def _touch_rows_with_changed_links(session: Session, _context, _instances) -> None:
    """Give a row of which only many-to-many links or lines changed a new version."""
    for owner in owners_of_changed_lines(session):
        if owner in session and owner not in session.new and owner not in session.deleted:
            owner.updated_at = now()
            for name in line_relations(type(owner)):
                # What the log compares must be loaded before the flush.
                getattr(owner, name)
    for row in session.dirty:
        has_time = is_logged(row) and hasattr(row, "updated_at")
        if has_time and is_changed(row, many_to_many(type(row))):
            row.updated_at = now()


@event.listens_for(Session, "after_flush")
def _write_entries(session: Session, _context) -> None:
    actor = current_actor()
    entries = []
    for row in session.new:
        if is_logged(row):
            entries.append(_entry(row, "created", _initial_changes(session, row), actor))
    for row in session.dirty:
        if is_logged(row) and (changes := _changes(session, row)):
            event_name = _trash_event(row) or "changed"
            entries.append(_entry(row, event_name, changes, actor))
    entries += [_entry(row, "purged", None, actor) for row in session.deleted if is_logged(row)]
    if entries:
        session.connection().execute(_INSERT, entries)
    if entries and Reaction.all():
        session.info.setdefault(_WRITTEN, []).extend(entries)


@event.listens_for(Session, "after_flush_postexec")
def _notify(session: Session, _context) -> None:
    """Call the reactions to a flush, which may change rows again: another flush writes those."""
    changes: dict[tuple[str, str], tuple[list[int], set[str]]] = {}
    for entry in session.info.pop(_WRITTEN, ()):
        ids, fields = changes.setdefault((entry["subject_type"], entry["event"]), ([], set()))
        ids.append(entry["subject_id"])
        fields.update(entry["changes"] or ())
    for (table, event_name), (ids, fields) in changes.items():
        notify_of_table(session, table, event_name, ids, fields, current_actor())


@event.listens_for(Session, "after_soft_rollback")
def _forget_written(session: Session, _previous) -> None:
    session.info.pop(_WRITTEN, None)


def _trash_event(row: Any) -> str | None:
    """Return “trashed” or “restored” if the row was moved to or from the trash."""
    if not is_changed(row, ("trashed_at",)):
        return None
    return "restored" if row.trashed_at is None else "trashed"


def _entry(row: Any, event_name: str, changes: dict | None, actor: Actor) -> dict[str, Any]:
    return {
        "at": now(),
        **actor.log_columns(),
        "event": event_name,
        "subject_type": row.__tablename__,
        "subject_id": row.id,
        "subject_name": str(row)[:200],
        "version": getattr(row, "version", None),
        "changes": changes,
    }


def _initial_changes(session: Session, row: Any) -> dict[str, list]:
    """Return every filled-in field of a new row as [None, value]."""
    changes = {}
    for key in logged_columns(type(row)):
        value = inspect(row).dict.get(key)
        if value not in (None, ""):
            changes[key] = [None, column_to_json(session, row, key, value)]
    for key in many_to_many(type(row)):
        if linked := [link_to_json(other) for other in inspect(row).dict.get(key, ())]:
            changes[key] = [[], linked]
    return changes | changed_lines(session, row)


def _changes(session: Session, row: Any) -> dict[str, list]:
    """Return every changed field of a row as [old, new]."""
    state: Any = inspect(row)
    changed = changed_attributes(row)
    changes = {}
    for key in (*logged_columns(type(row)), "trashed_at"):
        if key not in changed:
            continue
        history = state.get_history(key, PASSIVE_NO_INITIALIZE)
        old = history.deleted[0] if history.deleted else None
        new = history.added[0] if history.added else None
        if old != new:
            changes[key] = [
                column_to_json(session, row, key, old),
                column_to_json(session, row, key, new),
            ]
    for key in many_to_many(type(row)):
        if key in changed:
            history = state.get_history(key, PASSIVE_NO_INITIALIZE)
            before = [*history.unchanged, *history.deleted]
            after = [*history.unchanged, *history.added]
            changes[key] = [
                [link_to_json(other) for other in before],
                [link_to_json(other) for other in after],
            ]
    return changes | changed_lines(session, row)
