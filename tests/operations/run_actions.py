"""Helpers that draft, confirm, run and undo collective actions in tests."""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy import select

from app.crud.screens import screen_named
from app.errors import DomainError
from app.extensions import db
from app.jobs.models import Job
from app.operations import services
from app.operations.actionbase import Action
from app.operations.models import Operation, OperationItem
from app.operations.selection import Selection
from app.operations.services import Preview
from app.operations.transactions import commit_and_run, committed_and_reading
from app.operations.verbbase import Verb, verb_from_json
from app.security.actor import Actor, acting_as

NO_LIMIT = 10**9


def screen_of(kind: type[Action]) -> Any:
    """Return a list that offers an action; for a sample action, the list of contacts."""
    return next(
        (
            v
            for v in current_app.appbuilder.baseviews
            if kind in getattr(v, "collective", {}).values()
        ),
        screen_named("contacts"),
    )


def selection_of(
    rows: list[Any] | None,
    on: str = "",
    without: tuple[int, ...] = (),
    key: str = "contacts",
) -> Selection:
    """Select rows by their ids, or with None all that the query string ``on`` finds."""
    screen = screen_named(key)
    if rows is None:
        return Selection(screen, None, on, without)
    return Selection(screen, tuple(sorted(row.id for row in rows)))


def action_with(kind: type[Action], actor: Actor, answers: dict[str, Any]) -> Action:
    """Return an action with its answers, which must be valid."""
    form = kind.build_form({name: [str(value)] for name, value in answers.items()})
    assert form.validate(), form.errors
    return kind(form, actor)


def preview(kind: type[Action], actor: Actor, rows: list[Any] | None, **answers: Any) -> Preview:
    """Return the preview of an action."""
    with acting_as(actor):
        action = action_with(kind, actor, answers)
        selected = selection_of(rows, key=screen_of(kind).key).rows(actor)
        with committed_and_reading():
            return services.preview(db.session(), action, selected)


def create_draft_for(kind: type[Action], actor: Actor, rows: list[Any] | None) -> Operation:
    """Create a draft for rows, as the selection bar of a list does."""
    with acting_as(actor):
        selection = selection_of(rows, key=screen_of(kind).key)
        selection.check(actor)
        operation = services.create_draft(db.session(), kind.action_name(), selection, actor)
        db.session.commit()
    return operation


def confirm(
    operation: Operation,
    kind: type[Action],
    actor: Actor,
    *,
    at_once: int = NO_LIMIT,
    **answers: Any,
) -> Operation:
    """Confirm a draft, and return the operation after its job has ended or is queued."""
    number = operation.id
    with acting_as(actor):
        action = action_with(kind, actor, answers)
        rows = Selection.from_operation(operation).rows(actor)
        try:
            job = services.confirm(db.session(), operation, rows, action, actor, at_once=at_once)
        except DomainError:
            db.session.rollback()
            raise
        commit_and_run(job, at_once)
    return db.session.get(Operation, number, populate_existing=True)


def do(kind: type[Action], actor: Actor, rows: list[Any] | None, **answers: Any) -> Operation:
    """Run an action, and return the operation after its job has ended."""
    return confirm(create_draft_for(kind, actor, rows), kind, actor, **answers)


def undo(operation: Operation, actor: Actor) -> Operation:
    """Undo an operation, and return it after that has ended."""
    number = operation.id
    with acting_as(actor):
        job = services.undo(db.session(), operation, actor, at_once=NO_LIMIT)
        commit_and_run(job, NO_LIMIT)
    return db.session.get(Operation, number, populate_existing=True)


def items_of(operation: Operation) -> dict[int, OperationItem]:
    """Return the items of an operation, by row."""
    query = select(OperationItem).where(OperationItem.operation_id == operation.id)
    return {item.row_id: item for item in db.session.scalars(query)}


def job_of(operation: Operation) -> Job:
    """Return the job that ran an operation."""
    job = db.session.get(Job, operation.job_id, populate_existing=True)
    assert job is not None
    return job


def verbs_of(kind: type[Action], operation: Operation) -> list[Verb]:
    """Return the verbs of an operation's plan."""
    return [verb_from_json(kind.model, plan) for plan in operation.plan or ()]
