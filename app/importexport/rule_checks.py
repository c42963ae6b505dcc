"""Reject the rows of a file that would break a rule of their model, or change a locked row."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect

from app.importexport.fields import ForeignKeyField
from app.importexport.rows import ImportRow
from app.states.locks import why_each_is_locked
from app.states.rules import broken_rows
from app.states.stateful import STATE_NOT_EDITED, Stateful


def reject_locked_rows(diff: Any) -> None:
    """Reject the updates of rows that are locked, in one statement for a model that has locks."""
    updated = {row.row_id: row for row in diff.rows if row.outcome == "updated"}
    for number, reason in why_each_is_locked(
        diff.session, diff.model, updated, diff.actor
    ).items():
        updated[number].reject("skipped", "", reason)


def reject_states(diff: Any) -> None:
    """Reject the rows that give another state than they have: only transitions change it."""
    if issubclass(diff.model, Stateful):
        for row in diff.rows:
            is_new = row.outcome == "new"
            given = row.values.get("state") or diff.model.initial
            if "state" in row.changes or (is_new and given != diff.model.initial):
                row.reject("invalid", "state", STATE_NOT_EDITED)


def reject_broken_rows(diff: Any) -> None:
    """Reject the new and updated rows of a compared chunk that break a rule, in one statement."""
    rows = [row for row in diff.rows if row.outcome in ("new", "updated")]
    defaults = _defaults(diff.model)
    if "entity_id" in defaults:
        defaults["entity_id"] = diff.plan.entity_id
    links = [
        (field.name, field.key) for field in diff.plan.fields if isinstance(field, ForeignKeyField)
    ]
    values = [_values(row, defaults, links) for row in rows]
    found = broken_rows(diff.session, diff.model, values, diff.actor)
    names = {field.name for field in diff.importer.fields()}
    for row, rules in zip(rows, found, strict=True):
        for rule in rules:
            if row.stored is None or rule.read_names() & set(row.changes):
                name = rule.field if rule.field in names else ""
                row.reject("invalid", name, rule.text(diff.session))


def _values(
    row: ImportRow, defaults: dict[str, Any], links: list[tuple[str, str]]
) -> dict[str, Any]:
    """Return the values that the columns of a row will have; None for a link yet to be created.

    ``links`` holds (name, key) of the mapped fields that name another row.
    """
    values = {**(defaults if row.stored is None else row.stored), **row.values}
    for name, key in links:
        if name in row.links:
            values[key] = row.links[name].id
    return values


def _defaults(model: Any) -> dict[str, Any]:
    return {
        attribute.key: column.default.arg
        if (column := attribute.columns[0]).default is not None and column.default.is_scalar
        else None
        for attribute in inspect(model).column_attrs
    }
