"""The lines of a row in its log: what they were, what they are, and how they are put back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app.changed import is_changed
from app.fieldtypes import get_field_type, to_json
from app.lines import MAX_LINES, Line, line_column, line_key, line_relations
from app.log.values import foreign_keys, link_to_json

LineJson = dict[str, Any]


def line_to_json(session: Session, line: Any, *, old: bool = False) -> LineJson:
    """Return the fields of a line as JSON, with its id; ``old`` are those before the flush."""
    model = type(line)
    values: LineJson = {"id": line.id}
    for name in model.fields:
        key = line_key(model, name)
        value = _value(line, key, old)
        if key in foreign_keys(model) and value is not None:
            target = session.get(foreign_keys(model)[key][1], value)
            values[name] = link_to_json(target) or [value, ""]
        else:
            values[name] = to_json(value)
    return values


def changed_lines(session: Session, row: Any) -> dict[str, list[list[LineJson]]]:
    """Return the (old, new) lines of each relation of a flushed row whose lines changed."""
    changes = {}
    for name in line_relations(type(row)):
        if name not in inspect(row).dict:
            continue
        history = inspect(row).attrs[name].history
        before = [*history.unchanged, *history.deleted]
        after = [*history.unchanged, *history.added]
        after = [line for line in after if line not in session.deleted]
        if after == before and not any(session.is_modified(line) for line in after):
            continue
        before.sort(key=lambda line: (_value(line, "position", True) or 0, line.id or 0))
        after.sort(key=lambda line: (line.position, line.id))
        old = [line_to_json(session, line, old=True) for line in before]
        new = [line_to_json(session, line) for line in after]
        if old != new:
            changes[name] = [old, new]
    return changes


def owners_of_changed_lines(session: Session) -> set[Any]:
    """Return the rows of which the session adds, changes or deletes lines."""
    lines: Any = [
        row
        for row in (*session.new, *session.dirty)
        if isinstance(row, Line) and session.is_modified(row)
    ]
    owners = [line.owner for line in (*lines, *session.deleted) if isinstance(line, Line)]
    for row in session.dirty:
        relations = line_relations(type(row)) if not isinstance(row, Line) else {}
        if relations and is_changed(row, relations):
            owners.append(row)
    return {owner for owner in owners if owner is not None}


def restore_lines(row: Any, name: str, old: list[LineJson]) -> None:
    """Give a row the lines it had: those that are left get their values back, the others are new."""
    model = line_relations(type(row))[name]
    present = {line.id: line for line in getattr(row, name)}
    lines = []
    for position, values in enumerate(old[:MAX_LINES], 1):
        line = present.get(values.get("id")) or model()
        line.position = position
        for field in model.fields:
            if field in values:
                setattr(line, line_key(model, field), _from_json(model, field, values[field]))
        lines.append(line)
    setattr(row, name, lines)


def _value(line: Any, key: str, old: bool) -> Any:
    history = inspect(line).attrs[key].history
    if old and history.has_changes() and history.deleted:
        return history.deleted[0]
    return getattr(line, key)


def _from_json(model: Any, name: str, value: Any) -> Any:
    column = line_column(model, name)
    if value is None:
        return None if column.nullable else ""
    return value[0] if isinstance(value, list) else get_field_type(column).from_json(value)
