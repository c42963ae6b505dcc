"""``/api/v1/actions/`` and ``/api/v1/operations/``: the API of collective actions."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, jsonify, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.exc import StaleDataError

from app.crud.api import Api, ModelApi
from app.crud.api.request_body import read_object
from app.crud.api.responses import problem
from app.crud.interface import parse_id
from app.crud.screens import registered
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.jobs.models import Job
from app.jobs.services import cancel, retry
from app.operations import services
from app.operations.action_input import (
    dashed,
    resource_name,
    screen_actions,
    screens_with_actions,
)
from app.operations.actionbase import Action, answer_fields
from app.operations.api import openapi
from app.operations.api.paging import check_parameters, next_url, read_page
from app.operations.api.request_body import (
    OperationRequest,
    WrongRequest,
    request_digest,
    request_key,
)
from app.operations.jobs import OperationRun, OperationUndo
from app.operations.models import NOT_STARTED, UNDO_OUTCOMES, Operation
from app.operations.permissions import why_not_undone
from app.operations.selection import OutOfScope, find_screen
from app.operations.serializers import (
    OUTCOME_NAMES,
    action_to_dict,
    count_reasons,
    operation_to_dict,
    preview_to_dict,
)
from app.operations.transactions import (
    background_limit,
    commit_and_run,
    committed_and_reading,
)
from app.operations.undoers import Undoer, find_undoer
from app.security.actor import current_actor

Answer = Response | tuple[Response, int]
OUTCOME_CODES = {name: code for code, name in OUTCOME_NAMES.items()}
OUTCOMES = (*OUTCOME_NAMES.values(), NOT_STARTED, *UNDO_OUTCOMES)


class ActionsApi(Api):
    """The collective actions, and the fields of each."""

    resource_name = "actions"
    label = _l("Collective actions")
    help = _l("The actions you can run, and the values each one needs.")

    def schemas(self) -> dict[str, Any]:
        return openapi.action_schemas()

    def paths(self) -> dict[str, Any]:
        return openapi.action_paths()

    @expose("/", methods=["GET"])
    def get_list(self) -> Answer:
        """Return the actions that the user may run."""
        check_parameters(())
        return jsonify(
            results=[
                {"resource": resource_name(view), **_describe_action(kind)}
                for view in screens_with_actions()
                for kind in screen_actions(view)
                if view.can_run_action(kind.action_name())
            ]
        )


class OperationsApi(Api):
    """The operations of the key's owner."""

    resource_name = "operations"
    label = _l("Operations")
    icon = "check2-square"
    help = _l(
        "Select by ID (ids), by a filter as used in lists (filter), or everything (everything: true). Use dry_run: true for a preview. Large operations run in the background: the response is 202 and the operation shows its progress. With an Idempotency-Key header, a request sent twice runs only once."
    )
    examples = (
        '{"action": "change-status", "resource": "contacts", "answers": {"status": "Active"},\n'
        ' "filter": {"type__is": "1", "q": "garcía"}, "dry_run": true}',
        '{"action": "add-tag", "resource": "contacts", "ids": [3, 5], "answers": {"tag": 1}}',
    )

    def schemas(self) -> dict[str, Any]:
        return openapi.operation_schemas(OUTCOMES)

    def paths(self) -> dict[str, Any]:
        return openapi.operation_paths(OUTCOMES)

    @expose("/", methods=["POST"])
    def post(self) -> Answer:
        """Run an action on many rows, or return a preview."""
        if not any(
            view.can_run_action(kind.action_name())
            for view in screens_with_actions()
            for kind in screen_actions(view)
        ):
            abort(403)
        sent = read_object()
        key, digest = request_key(), request_digest(sent)
        try:
            if key and sent.get("dry_run") is not True:
                known = _find_by_key(key)
                if known is not None:
                    return _repeat_response(known, digest)
            asked = OperationRequest(sent)
            try:
                asked.selection.check(current_actor())
            except OutOfScope as error:
                db.session.rollback()
                name = asked.kind.action_name()
                services.record_out_of_scope(db.session(), name, asked.selection, current_actor())
                db.session.commit()
                return problem(403, str(error))
            return (
                _preview_response(asked) if asked.is_dry else _create_operation(asked, key, digest)
            )
        except WrongRequest as error:
            db.session.rollback()
            return problem(422, str(error), error.fields)
        except DomainError as error:
            db.session.rollback()
            fields = {f"answers.{error.field}": [str(error)]} if error.field else {}
            return problem(422, str(error), fields)

    @expose("/", methods=["GET"])
    def get_list(self) -> Answer:
        """Return a page of the user's operations, newest first."""
        size, before = read_page(("size", "before"), "before")
        query = _own_operations().options(
            joinedload(Operation.job), joinedload(Operation.undo_job)
        )
        if before:
            query = query.where(Operation.id < before)
        rows = list(db.session.scalars(query.order_by(Operation.id.desc()).limit(size + 1)))
        last = rows[size - 1].id if len(rows) > size else None
        return jsonify(
            results=[_to_dict(operation) for operation in rows[:size]],
            next=next_url(self.route_base + "/", last, "before", size),
        )

    @expose("/<pk>", methods=["GET"])
    def get(self, pk: str) -> Answer:
        """Return one operation: its state, its counts, and why rows were left out."""
        check_parameters(())
        operation = _get_own(pk)
        return jsonify(_to_dict(operation) | {"reasons": count_reasons(db.session(), operation)})

    @expose("/<pk>/items", methods=["GET"])
    def items(self, pk: str) -> Answer:
        """Return a page of the operation's items."""
        size, after = read_page(("size", "after", "outcome"), "after")
        outcome = request.args.get("outcome", "")
        if outcome and outcome not in OUTCOMES:
            return problem(400, _("Send one of: %(known)s.", known=", ".join(OUTCOMES)))
        operation = _get_own(pk)
        kind = OperationUndo if outcome in UNDO_OUTCOMES else OperationRun
        wanted = OUTCOME_CODES.get(outcome, outcome)
        rows = kind.item_rows(db.session(), operation, wanted, after, size + 1)
        last = rows[size - 1].id if len(rows) > size else None
        return jsonify(
            results=[
                {
                    "id": row.id,
                    "name": row.name,
                    "outcome": OUTCOME_NAMES.get(row.outcome, row.outcome),
                    "outcome_text": row.outcome_text,
                    "reason": row.reason,
                }
                for row in rows[:size]
            ],
            next=next_url(f"{self.route_base}/{operation.id}/items", last, "after", size, outcome),
        )

    @expose("/<pk>/undo", methods=["POST"])
    def undo(self, pk: str) -> Answer:
        """Undo an operation, except on rows that were changed since."""
        operation = _get_own_to_change(pk)
        if (undoer := find_undoer(operation)) is not None:
            return _undo_at_once(undoer)
        if not operation.is_undone and (why := why_not_undone(operation)):
            db.session.rollback()
            return problem(409, why)
        try:
            limit = background_limit()
            job = services.undo(db.session(), operation, current_actor(), at_once=limit)
            job = commit_and_run(job, limit)
        except DomainError as error:
            db.session.rollback()
            return problem(409, str(error))
        return _operation_response(operation.id, job, 200)

    @expose("/<pk>/cancel", methods=["POST"])
    def cancel(self, pk: str) -> Answer:
        """Cancel an operation, or its undoing, after the current chunk."""
        operation = _get_own_to_change(pk)
        live = [job for job in (operation.job, operation.undo_job) if job and job.is_live]
        if not live or not cancel(db.session(), live[0].id):
            db.session.rollback()
            return problem(409, _("This process has already ended."))
        number = operation.id
        db.session.commit()
        return jsonify(_to_dict(_find(number))), 202

    @expose("/<pk>/resume", methods=["POST"])
    def resume(self, pk: str) -> Answer:
        """Resume an operation that failed, or its undoing, where it stopped."""
        operation = _get_own_to_change(pk)
        job = operation.undo_job or operation.job
        try:
            if job is None:
                raise DomainError(_("It is too late to continue this process."))
            retry(db.session(), job, current_actor())
        except DomainError as error:
            db.session.rollback()
            return problem(409, str(error))
        db.session.commit()
        return _operation_response(operation.id, job, 202)


def _describe_action(kind: type[Action]) -> dict[str, Any]:
    """Serialize an action; fields with many choices get the address of their resource."""
    action = action_to_dict(kind)
    apis = {api.datamodel.obj: f"{api.route_base}/" for api in registered(ModelApi)}
    for field, described in zip(answer_fields(kind.build_form()), action["fields"], strict=True):
        is_many = described["choices"] is None and hasattr(field, "model")
        described["choices_at"] = apis.get(field.model) if is_many else None
    return action


def _preview_response(asked: OperationRequest) -> Answer:
    """Return a preview."""
    actor = current_actor()
    action = asked.kind(asked.form, actor)
    rows = asked.selection.rows(actor)
    with committed_and_reading():
        preview = services.preview(db.session(), action, rows)
    return jsonify(
        action=dashed(asked.kind.action_name()),
        resource=resource_name(asked.screen),
        selection=asked.selection.describe(),
        dry_run=True,
        **preview_to_dict(preview),
    )


def _create_operation(asked: OperationRequest, key: str | None, digest: str) -> Answer:
    """Create and run an operation; of two simultaneous requests with one key, only one does."""
    actor = current_actor()
    action = asked.kind(asked.form, actor)
    name, rows = asked.kind.action_name(), asked.selection.rows(actor)
    try:
        operation = services.create_draft(db.session(), name, asked.selection, actor)
        if key is not None:
            operation.request_key, operation.request_digest = key, digest
            db.session.flush()
    except IntegrityError:
        db.session.rollback()
        known = None if key is None else _find_by_key(key)
        if known is None:
            raise
        return _repeat_response(known, digest)
    number = operation.id
    limit = background_limit()
    job = services.confirm(db.session(), operation, rows, action, actor, at_once=limit)
    job = commit_and_run(job, limit)
    return _operation_response(number, job, 201)


def _undo_at_once(undoer: Undoer) -> Answer:
    """Undo an operation that needs no job, unless that was done."""
    number = undoer.operation.id
    try:
        if not undoer.operation.undone:
            undoer.undo(db.session(), current_actor())
            db.session.commit()
    except DomainError as error:
        db.session.rollback()
        return problem(409, str(error))
    except StaleDataError:
        db.session.rollback()
        return problem(409, _("Someone else has changed it."))
    return _operation_response(number, None, 200)


def _operation_response(number: int, job: Job | None, ended: int) -> Answer:
    """Return an operation that has ended, or 202 if its job is still running."""
    status = 202 if job is not None and job.is_live else ended
    with reading():
        db.session.rollback()
        reply = jsonify(_to_dict(_find(number)))
        db.session.rollback()
    reply.headers["Location"] = f"/api/v1/operations/{number}"
    return reply, status


def _to_dict(operation: Operation) -> dict[str, Any]:
    url = f"/api/v1/operations/{operation.id}"
    screen, name = find_screen(operation), operation.selection["list"]
    return operation_to_dict(operation) | {
        "resource": name if screen is None else resource_name(screen),
        "url": url,
        "items": f"{url}/items",
    }


def _own_operations() -> Select:
    """Select the user's own operations, on lists that the key's scopes include."""
    tables = [
        screen.table.model.__tablename__
        for screen in screens_with_actions()
        if screen.can("can_list")
    ]
    return select(Operation).where(
        Operation.actor_id == current_actor().id,
        Operation.confirmed_at.is_not(None),
        Operation.subject_type.in_(tables),
    )


def _get_own(pk: str) -> Operation:
    number = parse_id(pk)
    found = (
        None
        if number is None
        else db.session.scalar(_own_operations().where(Operation.id == number))
    )
    if found is None:
        abort(404)
    return found


def _get_own_to_change(pk: str) -> Operation:
    """Return the user's own operation; abort with 403 without the permission of its action."""
    if request.get_data() and read_object():
        abort(400, _("This request takes no body."))
    operation = _get_own(pk)
    screen = find_screen(operation)
    if screen is None or not screen.can_run_action(operation.action):
        abort(403)
    return operation


def _find(number: int) -> Operation:
    found = db.session.get(Operation, number, populate_existing=True)
    assert found is not None
    return found


def _find_by_key(key: str) -> Operation | None:
    return db.session.scalar(select(Operation).where(Operation.request_key == key))


def _repeat_response(operation: Operation, digest: str) -> Answer:
    """Return the operation of an earlier request with the same key."""
    if operation.request_digest != digest:
        return problem(
            422, _("This Idempotency-Key has already been used for a different request.")
        )
    found = _get_own(str(operation.id))
    return _operation_response(found.id, found.job, 201)
