"""Collective actions as a test asks for them: draft, confirm, run, undo."""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy import select

from app.extensions import db
from app.jobs.models import Job
from app.operations import running
from app.operations.actions import Action
from app.operations.models import Operation, OperationItem
from app.operations.selection import Selection, view_called
from app.operations.services import Preview, draft
from app.operations.verbs import Verb, verb_of
from app.security.actor import Actor, acting_as


def view_of(kind: type[Action]) -> Any:
    """Return a list that offers an action; one that a test made up is offered by none."""
    return next(
        (
            v
            for v in current_app.appbuilder.baseviews
            if kind in getattr(v, "collective", {}).values()
        ),
        view_called("ContactView"),
    )


def selection_of(
    rows: list[Any] | None,
    on: str = "",
    without: tuple[int, ...] = (),
    view: str = "ContactView",
) -> Selection:
    """Select rows one by one; None is all that a list's address finds."""
    screen = view_called(view)
    if rows is None:
        return Selection(screen, None, on, without)
    return Selection(screen, tuple(sorted(row.id for row in rows)))


def bound(kind: type[Action], actor: Actor, answers: dict[str, Any]) -> tuple[Action, Any]:
    """Return an action with its answers, and the form that holds them."""
    form = kind.form_of({name: [str(value)] for name, value in answers.items()})
    assert form.validate(), form.errors
    return kind(form, actor), form


def preview(kind: type[Action], actor: Actor, rows: list[Any] | None, **answers: Any) -> Preview:
    """Say what an action would do."""
    with acting_as(actor):
        action, _form = bound(kind, actor, answers)
        return running.look(
            action, selection_of(rows, view=type(view_of(kind)).__name__).rows(actor)
        )


def drafted(kind: type[Action], actor: Actor, rows: list[Any] | None) -> Operation:
    """Select rows for an action, as a click does."""
    with acting_as(actor):
        selection = selection_of(rows, view=type(view_of(kind)).__name__)
        selection.check(actor)
        operation = draft(db.session(), kind.action_name(), selection, actor)
        db.session.commit()
    return operation


def confirm(
    operation: Operation, kind: type[Action], actor: Actor, *, at_once: int = 10**9, **answers: Any
) -> Operation:
    """Confirm a draft, and return the operation when its job has ended, or waits."""
    number = operation.id
    with acting_as(actor):
        action, form = bound(kind, actor, answers)
        rows = Selection.of(operation).rows(actor)
        running.confirm(operation, action, form, rows, actor, at_once=at_once)
    return db.session.get(Operation, number, populate_existing=True)


def do(kind: type[Action], actor: Actor, rows: list[Any] | None, **answers: Any) -> Operation:
    """Do it, and return the operation when its job has ended."""
    return confirm(drafted(kind, actor, rows), kind, actor, **answers)


def undo(operation: Operation, actor: Actor) -> Operation:
    """Undo it, and return it when that has ended."""
    number = operation.id
    with acting_as(actor):
        running.undo(operation, actor, at_once=10**9)
    return db.session.get(Operation, number, populate_existing=True)


def items_of(operation: Operation) -> dict[int, OperationItem]:
    """Return what became of each row."""
    query = select(OperationItem).where(OperationItem.operation_id == operation.id)
    return {item.row_id: item for item in db.session.scalars(query)}


def job_of(operation: Operation) -> Job:
    """Return the job that did it."""
    job = db.session.get(Job, operation.job_id, populate_existing=True)
    assert job is not None
    return job


def verbs_of(kind: type[Action], operation: Operation) -> list[Verb]:
    """Return what an operation came to."""
    return [verb_of(kind.model, plan) for plan in operation.plan or ()]
