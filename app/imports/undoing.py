"""Undo a chunk of an import, with the statements of an import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect, update
from sqlalchemy.orm import Session

from app.bulk import is_one_of, update_rows
from app.fieldtypes import get_field_type, to_json
from app.importexport.diffing import ChunkDiff
from app.importexport.fields import ForeignKeyField, ManyToManyField
from app.importexport.lookups import LinkedRow
from app.importexport.planning import ImportPlan
from app.importexport.reading import SourceRow
from app.importexport.rows import ImportRow
from app.importexport.rule_checks import reject_broken_rows, reject_locked_rows
from app.importexport.writing import ChunkWriter
from app.log.services import record_many
from app.operations.models import Operation, OperationItem
from app.security.actor import Actor
from app.security.scope import visible
from app.types import now


def undo_chunk(
    session: Session, plan: ImportPlan, actor: Actor, operation_id: int, items: Sequence[Any]
) -> None:
    """Undo what an import did to some rows; those that were changed since stay as they are.

    ``items`` are (row_id, outcome, before) of the operation, in the order of their ids.
    """
    diff = ChunkDiff(session, plan, actor, [])
    diff.rows = [ImportRow(SourceRow(0, []), row_id=item.row_id) for item in items]
    writer = ChunkWriter(diff)
    writer.lock([item.row_id for item in items])
    diff.load_stored()
    diff.load_stored_many(diff.rows)
    created = []
    for row, item in zip(diff.rows, items, strict=True):
        if row.outcome:
            row.problems[:] = [("", "gone")]
        elif item.outcome == "created":
            _plan_trash(diff, row)
            created.append(row)
        else:
            _plan_values(diff, row, item.before)
    _reject_vanished(diff)
    diff.reject_taken_values()
    updated = [row for row in diff.rows if not row.outcome and row not in created]
    for row in updated:
        row.outcome = "updated"
    for row in created:
        row.outcome = row.outcome or "trashed"
    reject_locked_rows(diff)
    reject_broken_rows(diff)
    writer.write()
    _trash(session, diff, [row for row in created if row.outcome == "trashed"])
    _write_outcomes(session, operation_id, diff.rows)


def _plan_trash(diff: ChunkDiff, row: ImportRow) -> None:
    if not hasattr(diff.model, "trashed_at"):
        row.reject("kept", "", "no_trash")
    elif (row.stored or {})["version"] != 1:
        row.reject("kept", "", "since")


def _plan_values(diff: ChunkDiff, row: ImportRow, before: dict[str, list[Any]]) -> None:
    """Set the values of a row to those of before, unless one of them was changed since."""
    stored = row.stored or {}
    fields = {field.key: field for field in diff.plan.fields}
    for key, (old, new) in before.items():
        field = fields.get(key)
        if isinstance(field, ManyToManyField):
            links = diff.stored_links(field.name, row.row_id)
            is_same = set(links) == {pk for pk, _label in new}
            row.many[field.name] = [LinkedRow(pk, label) for pk, label in old]
            row.changes[key] = ([LinkedRow(pk, label) for pk, label in new], row.many[field.name])
        elif isinstance(field, ForeignKeyField):
            is_same = stored[key] == (new and new[0])
            row.values[key] = old and old[0]
            # What the search finds the row by.
            stored[f"{field.name}_label"] = old and old[1]
            row.changes[key] = (new and LinkedRow(*new), old and LinkedRow(*old))
        else:
            column = inspect(diff.model).column_attrs[key].columns[0]
            kind = get_field_type(column)
            is_same = to_json(stored[key]) == new
            row.values[key] = None if old is None else kind.from_json(old)
            row.changes[key] = (stored[key], row.values[key])
        if not is_same:
            row.reject("kept", "", "since")
            return


def _reject_vanished(diff: ChunkDiff) -> None:
    """Reject rows whose link of before names what is gone by now, or out of the actor's scope."""
    for field in diff.plan.fields:
        if not isinstance(field, ForeignKeyField | ManyToManyField):
            continue
        wanted: dict[int, list[ImportRow]] = {}
        for row in diff.rows:
            if row.outcome or field.key not in row.changes:
                continue
            old = row.changes[field.key][1]
            for linked in old if isinstance(old, list) else [old] if old else []:
                wanted.setdefault(linked.id, []).append(row)
        if not wanted:
            continue
        model = field.model
        query = visible(model, diff.actor).with_only_columns(model.id)
        chosen = is_one_of(diff.session.get_bind().dialect, model.id, wanted)
        found = set(diff.session.scalars(query.where(chosen)))
        for pk in wanted.keys() - found:
            for row in wanted[pk]:
                row.reject("kept", "", "vanished")


def _trash(session: Session, diff: ChunkDiff, rows: list[ImportRow]) -> None:
    """Move rows that the import created to the trash, as they are locked and have not changed."""
    moment, model = now(), diff.model
    common = {"trashed_at": moment, "trashed_by_id": diff.actor.id, "updated_at": moment}
    values = [
        {"version": (row.stored or {})["version"] + 1, "old_id": row.row_id,
         "old_version": (row.stored or {})["version"]}
        for row in rows
    ]  # fmt: skip
    found_by = {"id": "old_id", "version": "old_version"}
    update_rows(session.connection(), model.__table__, values, found_by, common)
    entries = [
        {
            "subject_id": row.row_id,
            "subject_name": diff.importer.title(row.stored or {}),
            "version": (row.stored or {})["version"] + 1,
            "changes": {"trashed_at": [None, moment.isoformat()]},
        }
        for row in rows
    ]
    record_many(session, "trashed", model.__tablename__, entries, diff.actor)


def _write_outcomes(session: Session, operation_id: int, rows: list[ImportRow]) -> None:
    """Write into the items what became of the rows, and count them."""
    values = []
    for row in rows:
        is_undone = row.outcome in ("updated", "trashed")
        reason = None if is_undone else row.problems[0][1][:200]
        values.append(
            {"undone": "undone" if is_undone else "kept", "undone_reason": reason,
             "of_operation": operation_id, "of_row": row.row_id}
        )  # fmt: skip
    by = {"operation_id": "of_operation", "row_id": "of_row"}
    update_rows(session.connection(), OperationItem.__table__, values, by)
    undone = sum(value["undone"] == "undone" for value in values)
    session.execute(
        update(Operation)
        .where(Operation.id == operation_id)
        .values(undone=Operation.undone + undone, kept=Operation.kept + len(values) - undone)
        .execution_options(synchronize_session=False)
    )
