"""Actions, previews and operations as programs and the shell are told of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from wtforms import SelectField

from app.crud.fields import SwitchField, TypedField
from app.crud.modelfields import ModelChoiceField, ModelMultipleChoiceField
from app.operations.actions import NONE, Action, action_of, answer_fields
from app.operations.answers import dashed
from app.operations.models import Operation, OperationItem
from app.operations.services import Preview

# What an outcome is called where nobody reads our tables.
WORDS = {
    "changed": "changed",
    "already": "already",
    "skipped": "skipped",
    "refused": "not_permitted",
    "failed": "failed",
}
# The state of an operation whose job ended so long ago that it is kept no more.
FORGOTTEN = "forgotten"
Reasons = dict[str, dict[str, int]]


def told_action(kind: type[Action]) -> dict[str, Any]:
    """Describe an action and what it asks for."""
    return {
        "action": dashed(kind.action_name()),
        "label": str(kind.label),
        "help": str(kind.help),
        "is_dangerous": kind.is_dangerous,
        "fields": [told_field(field) for field in answer_fields(kind.form_of())],
    }


def told_field(field: Any) -> dict[str, Any]:
    """Describe a question: what kind of answer it takes and, if they are few, which ones."""
    told: dict[str, Any] = {
        "name": field.name,
        "label": str(field.label.text),
        "kind": _kind(field),
        "is_required": bool(field.flags.required),
        "may_be_none": bool(getattr(field, "or_none", False)),
        "choices": None,
    }
    if isinstance(field, SelectField):
        told["choices"] = [
            {"value": code, "label": str(label)} for code, label in field.choices or ()
        ]
    elif isinstance(field, ModelChoiceField | ModelMultipleChoiceField) and field.is_inline:
        told["choices"] = [
            {"value": number, "label": label}
            for number, label, _chosen in field.options()
            if number != NONE
        ]
    return told


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


def told_preview(preview: Preview) -> dict[str, Any]:
    """Return the figures of a preview, the reasons and some rows, old → new."""
    return {
        "matched": preview.matched,
        "will_change": preview.will_change,
        "already": preview.already,
        "not_permitted": preview.not_permitted,
        "skipped": preview.left_out,
        "reasons": {
            "not_permitted": _added(preview.refused),
            "skipped": _added(preview.skipped),
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


def _added(pairs: list[tuple[str, int]]) -> dict[str, int]:
    """Return numbers by sentence; two codes may have the same one."""
    found: dict[str, int] = {}
    for reason, number in pairs:
        found[reason] = found.get(reason, 0) + number
    return found


def told_operation(operation: Operation) -> dict[str, Any]:
    """Return an operation: what was asked for, how far it is, what came of it."""
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
        "state": job.state if job else "draft" if operation.is_draft else FORGOTTEN,
        "error": job.error if job else "",
        "matched": operation.matched,
        **{word: getattr(operation, code) for code, word in WORDS.items()},
        "undo_job": operation.undo_job_id,
        "undo_state": undo_job.state if undo_job else None,
        "undo_error": undo_job.error if undo_job else "",
        "undone": operation.undone,
        "kept": operation.kept,
    }


def reasons_of(session: Session, operation: Operation) -> Reasons:
    """Return why rows were left out, and how many of each, by outcome."""
    kind, item = action_of(operation), OperationItem
    query = (
        select(item.outcome, item.reason, func.count())
        .where(item.operation_id == operation.id, item.outcome.in_(("refused", "skipped")))
        .group_by(item.outcome, item.reason)
    )
    refused: list[tuple[str, int]] = []
    skipped: list[tuple[str, int]] = []
    for outcome, reason, number in session.execute(query):
        text = kind.reason_text(reason) if kind else reason or ""
        (refused if outcome == "refused" else skipped).append((text, number))
    return {"not_permitted": _added(refused), "skipped": _added(skipped)}
