"""Serialize actions, previews and operations for the API and the command line."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import SelectField

from app.crud.fields import SwitchField, TypedField
from app.crud.modelfields import ModelChoiceField, ModelMultipleChoiceField
from app.operations.action_input import dashed
from app.operations.actionbase import NONE, Action, answer_fields, find_operation_action
from app.operations.models import Operation, OperationReason
from app.operations.services import Preview
from app.operations.undoers import find_undoer

# The names of outcomes outside of the database.
OUTCOME_NAMES = {
    "changed": "changed",
    "already": "already",
    "skipped": "skipped",
    "refused": "not_permitted",
    "failed": "failed",
}
# The state of an operation whose job was deleted, long after its end.
FORGOTTEN = "forgotten"
Reasons = dict[str, dict[str, int]]


def action_to_dict(kind: type[Action]) -> dict[str, Any]:
    """Serialize an action and the fields of its form."""
    return {
        "action": dashed(kind.action_name()),
        "label": str(kind.label),
        "help": str(kind.help),
        "is_dangerous": kind.is_dangerous,
        "fields": [field_to_dict(field) for field in answer_fields(kind.build_form())],
    }


def field_to_dict(field: Any) -> dict[str, Any]:
    """Serialize a field: its type and, if they are few, its choices."""
    result: dict[str, Any] = {
        "name": field.name,
        "label": str(field.label.text),
        "kind": _kind(field),
        "is_required": bool(field.flags.required),
        "may_be_none": bool(getattr(field, "or_none", False)),
        "choices": None,
    }
    if isinstance(field, SelectField):
        result["choices"] = [
            {"value": code, "label": str(label)} for code, label in field.choices or ()
        ]
    elif isinstance(field, ModelChoiceField | ModelMultipleChoiceField) and field.is_inline:
        result["choices"] = [
            {"value": number, "label": label}
            for number, label, _chosen in field.options()
            if number != NONE
        ]
    return result


def _kind(field: Any) -> str:
    if isinstance(field, ModelMultipleChoiceField):
        return "links"
    if isinstance(field, ModelChoiceField):
        return "link"
    if isinstance(field, SwitchField):
        return "flag"
    if isinstance(field, TypedField):
        return field.field_type.name
    return "choice" if isinstance(field, SelectField) else "text"


def preview_to_dict(preview: Preview) -> dict[str, Any]:
    """Serialize a preview: the counts, the reasons and some rows with old and new values."""
    return {
        "matched": preview.matched,
        "will_change": preview.will_change,
        "already": preview.already,
        "not_permitted": preview.not_permitted,
        "skipped": preview.left_out,
        "reasons": {
            "not_permitted": _sum_by_reason(preview.refused),
            "skipped": _sum_by_reason(preview.skipped),
        },
        "sample": [
            {
                "id": row.id,
                "name": row.name,
                "changes": [
                    {"field": str(label), "old": old, "new": new}
                    for label, old, new in row.changes
                    if str(label) or old or new
                ],
            }
            for row in preview.sample
        ],
    }


def _sum_by_reason(pairs: list[tuple[str, int]]) -> dict[str, int]:
    """Return counts by sentence; two reasons may have the same one."""
    counts: dict[str, int] = {}
    for reason, count in pairs:
        counts[reason] = counts.get(reason, 0) + count
    return counts


def operation_to_dict(operation: Operation) -> dict[str, Any]:
    """Serialize an operation: the request, its state and its counts."""
    job, undo_job = operation.job, operation.undo_job
    return {
        "operation": operation.id,
        "action": dashed(operation.action),
        "selection": str(operation.selection_text),
        "answers": str(operation.answers_text),
        "by": operation.actor_name,
        "channel": operation.channel,
        "created_at": operation.created_at.isoformat(),
        "undo_until": operation.undo_until.isoformat() if operation.undo_until else None,
        "job": operation.job_id,
        "state": job.state if job else _state_without_job(operation),
        "error": job.error if job else "",
        "matched": operation.matched,
        **{name: getattr(operation, code) for code, name in OUTCOME_NAMES.items()},
        "undo_job": operation.undo_job_id,
        "undo_state": undo_job.state if undo_job else _undo_state_without_job(operation),
        "undo_error": undo_job.error if undo_job else "",
        "undone": operation.undone,
        "kept": operation.kept,
    }


def _state_without_job(operation: Operation) -> str:
    if operation.is_draft:
        return "draft"
    return "done" if find_undoer(operation) is not None else FORGOTTEN


def _undo_state_without_job(operation: Operation) -> str | None:
    is_undone = operation.undone and find_undoer(operation) is not None
    return "done" if is_undone else None


def count_reasons(session: Session, operation: Operation) -> Reasons:
    """Return how many rows were left out, by outcome and reason; without a statement if none was."""
    if not operation.refused and not operation.skipped:
        return {"not_permitted": {}, "skipped": {}}
    kind, row = find_operation_action(operation), OperationReason
    query = select(row.outcome, row.reason, row.count).where(row.operation_id == operation.id)
    refused: list[tuple[str, int]] = []
    skipped: list[tuple[str, int]] = []
    for outcome, reason, number in session.execute(query.order_by(row.outcome, row.reason)):
        text = kind.reason_text(reason) if kind else reason
        (refused if outcome == "refused" else skipped).append((text, number))
    return {"not_permitted": _sum_by_reason(refused), "skipped": _sum_by_reason(skipped)}
