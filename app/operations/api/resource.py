"""``/api/v1/actions/`` and ``/api/v1/operations/``: what people do below a list, for programs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Response, abort, current_app, jsonify, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from app.crud.api import Api, ModelApi
from app.crud.api.responses import problem
from app.crud.api.request_body import read_object
from app.crud.interface import parse_id
from app.crud.listing import SIZES
from app.errors import DomainError
from app.database import reading
from app.extensions import db
from app.jobs.models import Job
from app.jobs.services import cancel, retry
from app.operations import running
from app.operations.actions import Action, answer_fields
from app.operations.api import openapi
from app.operations.api.request_body import (
    Asked,
    WrongRequest,
    actions_of,
    views_with_actions,
)
from app.operations.answers import dashed
from app.operations.jobs import OperationRun, OperationUndo
from app.operations.models import LEFT, UNDONE, Operation
from app.operations.selection import OutOfReach, view_called
from app.operations.services import draft, note_refused, why_not_undone
from app.operations.serializers import WORDS, reasons_of, told_action, told_operation, told_preview
from app.security.actor import current_actor
from app.text import clean

Answer = Response | tuple[Response, int]
CODES = {word: code for code, word in WORDS.items()}
OUTCOMES = (*WORDS.values(), LEFT, *UNDONE)
LONGEST_KEY = 200


class ActionsApi(Api):
    """What can be done to many rows at once, and what each action asks for."""

    resource_name = "actions"
    label = _l("Collective actions")
    help = _l("What you may do to many rows at once, and what each action asks for.")

    def schemas(self) -> dict[str, Any]:
        return openapi.action_schemas()

    def paths(self) -> dict[str, Any]:
        return openapi.action_paths()

    @expose("/", methods=["GET"])
    def get_list(self) -> Answer:
        """Answer the actions that may be used."""
        _read_parameters(())
        return jsonify(
            results=[
                {"resource": view.route_base.strip("/"), **_described(kind)}
                for view in views_with_actions()
                for kind in actions_of(view)
                if view.can_run_action(kind.action_name())
            ]
        )


class OperationsApi(Api):
    """Collective actions asked for by whoever shows the key."""

    resource_name = "operations"
    label = _l("Operations")
    icon = "check2-square"
    help = _l(
        "Name the rows by their numbers (ids), by a filter as a list has it, or send everything: "
        "true. With dry_run: true you are told what would happen. What is large runs in the "
        "background: the answer is then 202, and the operation tells how far it is. With the "
        "header Idempotency-Key the same request sent twice is done once."
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
        """Do something to many rows, or say what would happen."""
        if not any(
            view.can_run_action(kind.action_name())
            for view in views_with_actions()
            for kind in actions_of(view)
        ):
            abort(403)
        sent = read_object()
        key, digest = _request_key(), _digest(sent)
        try:
            if key and sent.get("dry_run") is not True:
                known = _known(key)
                if known is not None:
                    return _again(known, digest)
            asked = Asked(sent)
            try:
                asked.selection.check(current_actor())
            except OutOfReach as error:
                db.session.rollback()
                name = asked.kind.action_name()
                note_refused(db.session(), name, asked.selection, current_actor())
                db.session.commit()
                return problem(403, str(error))
            return _looked(asked) if asked.is_dry else _done(asked, key, digest)
        except WrongRequest as error:
            db.session.rollback()
            return problem(422, str(error), error.fields)
        except DomainError as error:
            db.session.rollback()
            fields = {f"answers.{error.field}": [str(error)]} if error.field else {}
            return problem(422, str(error), fields)

    @expose("/", methods=["GET"])
    def get_list(self) -> Answer:
        """Answer one's own operations, newest first."""
        size, before = _page(("size", "before"), "before")
        query = _mine().options(joinedload(Operation.job), joinedload(Operation.undo_job))
        if before:
            query = query.where(Operation.id < before)
        found = list(db.session.scalars(query.order_by(Operation.id.desc()).limit(size + 1)))
        last = found[size - 1].id if len(found) > size else None
        return jsonify(
            results=[_told(operation) for operation in found[:size]],
            next=_next(self.route_base + "/", last, "before", size),
        )

    @expose("/<pk>", methods=["GET"])
    def get(self, pk: str) -> Answer:
        """Answer one operation: how far it is, what came of it, and why rows were left out."""
        _read_parameters(())
        operation = _own(pk)
        return jsonify(_told(operation) | {"reasons": reasons_of(db.session(), operation)})

    @expose("/<pk>/items", methods=["GET"])
    def items(self, pk: str) -> Answer:
        """Answer what became of each row."""
        size, after = _page(("size", "after", "outcome"), "after")
        outcome = request.args.get("outcome", "")
        if outcome and outcome not in OUTCOMES:
            return problem(400, _("Send one of: %(known)s.", known=", ".join(OUTCOMES)))
        operation = _own(pk)
        kind = OperationUndo if outcome in UNDONE else OperationRun
        wanted = CODES.get(outcome, outcome)
        found = kind.rows_of(db.session(), operation, wanted, after, size + 1)
        last = found[size - 1].id if len(found) > size else None
        return jsonify(
            results=[
                {
                    "id": row.id,
                    "name": row.name,
                    "outcome": WORDS.get(row.outcome, row.outcome),
                    "outcome_text": row.outcome_text,
                    "reason": row.reason,
                }
                for row in found[:size]
            ],
            next=_next(f"{self.route_base}/{operation.id}/items", last, "after", size, outcome),
        )

    @expose("/<pk>/undo", methods=["POST"])
    def undo(self, pk: str) -> Answer:
        """Give the rows back what they had before, unless they were changed since."""
        operation = _own_to_change(pk)
        if not operation.is_undone and (why := why_not_undone(operation)):
            db.session.rollback()
            return problem(409, why)
        try:
            job = running.undo(operation, current_actor())
        except DomainError as error:
            db.session.rollback()
            return problem(409, str(error))
        return _accepted(operation.id, job, 200)

    @expose("/<pk>/cancel", methods=["POST"])
    def cancel(self, pk: str) -> Answer:
        """Stop an operation, or its undoing, after the chunk it is at; what is done stays done."""
        operation = _own_to_change(pk)
        live = [job for job in (operation.job, operation.undo_job) if job and job.is_live]
        if not live or not cancel(db.session(), live[0].id):
            db.session.rollback()
            return problem(409, _("This job had ended already."))
        number = operation.id
        db.session.commit()
        return jsonify(_told(_find(number))), 202

    @expose("/<pk>/resume", methods=["POST"])
    def resume(self, pk: str) -> Answer:
        """Let an operation that failed, or its undoing, go on where it stopped."""
        operation = _own_to_change(pk)
        job = operation.undo_job or operation.job
        try:
            if job is None:
                raise DomainError(_("This was asked for too long ago to go on."))
            retry(db.session(), job, current_actor())
        except DomainError as error:
            db.session.rollback()
            return problem(409, str(error))
        db.session.commit()
        return _accepted(operation.id, job, 202)


def _described(kind: type[Action]) -> dict[str, Any]:
    """Describe an action; of links that are many, say where they are found."""
    told = told_action(kind)
    apis = {
        api.datamodel.obj: f"{api.route_base}/"
        for api in current_app.appbuilder.baseviews  # type: ignore[attr-defined]
        if isinstance(api, ModelApi)
    }
    for field, described in zip(answer_fields(kind.form_of()), told["fields"], strict=True):
        is_many = described["choices"] is None and hasattr(field, "model")
        described["choices_at"] = apis.get(field.model) if is_many else None
    return told


def _looked(asked: Asked) -> Answer:
    """Answer what would happen."""
    actor = current_actor()
    action = asked.kind(asked.form, actor)
    preview = running.look(action, asked.selection.rows(actor))
    return jsonify(
        action=dashed(asked.kind.action_name()),
        resource=asked.view.route_base.strip("/"),
        selection=asked.selection.in_words(),
        dry_run=True,
        **told_preview(preview),
    )


def _done(asked: Asked, key: str | None, digest: str) -> Answer:
    """Do it, or begin it; asked twice under one key at the same time, it is done once."""
    actor = current_actor()
    action = asked.kind(asked.form, actor)
    name, rows = asked.kind.action_name(), asked.selection.rows(actor)
    try:
        operation = draft(db.session(), name, asked.selection, actor)
        if key is not None:
            operation.request_key, operation.request_digest = key, digest
            db.session.flush()
    except IntegrityError:
        db.session.rollback()
        known = None if key is None else _known(key)
        if known is None:
            raise
        return _again(known, digest)
    number = operation.id
    job = running.confirm(operation, action, asked.form, rows, actor)
    return _accepted(number, job, 201)


def _accepted(number: int, job: Job | None, ended: int) -> Answer:
    """Answer an operation that is done by now, or goes on in the background: 202."""
    status = 202 if job is not None and job.is_live else ended
    with reading():
        db.session.rollback()
        reply = jsonify(_told(_find(number)))
        db.session.rollback()
    reply.headers["Location"] = f"/api/v1/operations/{number}"
    return reply, status


def _told(operation: Operation) -> dict[str, Any]:
    here = f"/api/v1/operations/{operation.id}"
    view = view_called(operation.selection["view"])
    return told_operation(operation) | {
        "resource": view.route_base.strip("/"),
        "url": here,
        "items": f"{here}/items",
    }


def _mine() -> Select:
    """Select the operations one asked for, on rows that the key may be used to see."""
    tables = [
        view.datamodel.obj.__tablename__ for view in views_with_actions() if view.can("can_list")
    ]
    return select(Operation).where(
        Operation.actor_id == current_actor().id,
        Operation.confirmed_at.is_not(None),
        Operation.subject_type.in_(tables),
    )


def _own(pk: str) -> Operation:
    number = parse_id(pk)
    found = None if number is None else db.session.scalar(_mine().where(Operation.id == number))
    if found is None:
        abort(404)
    return found


def _own_to_change(pk: str) -> Operation:
    """Return an operation of one's own, if one still has the right to its action."""
    if request.get_data() and read_object():
        abort(400, _("Nothing is sent along with this."))
    operation = _own(pk)
    if not view_called(operation.selection["view"]).can_run_action(operation.action):
        abort(403)
    return operation


def _find(number: int) -> Operation:
    found = db.session.get(Operation, number, populate_existing=True)
    assert found is not None
    return found


def _request_key() -> str | None:
    """Return what the program calls this request, apart from what others call theirs."""
    sent = request.headers.get("Idempotency-Key")
    if sent is None:
        return None
    if not 0 < len(sent) <= LONGEST_KEY:
        abort(400, _("An Idempotency-Key has 1 to %(number)s characters.", number=LONGEST_KEY))
    return hashlib.sha256(f"{current_actor().id}:{sent}".encode()).hexdigest()


def _digest(sent: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()


def _known(key: str) -> Operation | None:
    return db.session.scalar(select(Operation).where(Operation.request_key == key))


def _again(operation: Operation, digest: str) -> Answer:
    """Answer a request that was made before."""
    if operation.request_digest != digest:
        return problem(422, _("This Idempotency-Key was used for another request."))
    found = _own(str(operation.id))
    return _accepted(found.id, found.job, 201)


def _read_parameters(known: tuple[str, ...]) -> None:
    for name in request.args:
        if name not in known:
            abort(400, _("There is no parameter “%(name)s”.", name=clean(name)[:80]))


def _page(known: tuple[str, ...], place: str) -> tuple[int, int]:
    """Return the size of the page that is asked for, and where it begins."""
    _read_parameters(known)
    size = request.args.get("size", str(SIZES[0]))
    if size not in {str(one) for one in SIZES}:
        sizes = ", ".join(str(one) for one in SIZES)
        abort(400, _("Choose a size of page: %(sizes)s.", sizes=sizes))
    begins = parse_id(request.args.get(place, "0"))
    if begins is None:
        abort(400, _("There is no such page: use “next” and “previous” as they are."))
    return int(size), begins


def _next(base: str, last: int | None, place: str, size: int, outcome: str = "") -> str | None:
    if last is None:
        return None
    return f"{base}?size={size}&{place}={last}" + (f"&outcome={outcome}" if outcome else "")
