"""``/api/v1/imports/``: upload a file, read what its check found, import it and undo that."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, current_app, jsonify, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.crud.api import Api
from app.crud.api.request_body import read_object
from app.crud.api.responses import problem
from app.crud.screens import screen_of
from app.errors import DomainError
from app.extensions import db
from app.importexport.importer import Importer
from app.importexport.planning import POLICIES
from app.importexport.report import OUTCOMES, Report
from app.imports import services
from app.imports.api import openapi
from app.imports.files import store_any_upload
from app.imports.models import ImportIssue, ImportRun
from app.imports.plans import get_importer, load_plan
from app.imports.views.steps import begin_check
from app.jobs.models import Job
from app.operations.api.paging import check_parameters, next_url, read_page
from app.operations.transactions import background_limit, commit_and_run
from app.security.actor import current_actor
from app.text import clean

Answer = Response | tuple[Response, int]
# Query parameters that are choices of the import, as on the page of columns.
TEXTS = {"match", "entity", "encoding", "delimiter", "country", "day_order"}
FLAGS = {"create_values", "restore"}
KNOWN = ("resource", "name", "map", "policy", "doubtful", *sorted(TEXTS), *sorted(FLAGS))


class ImportsApi(Api):
    """The imports of the key's owner."""

    resource_name = "imports"
    label = _l("Imports")
    icon = "upload"
    help = _l(
        "Send the file as the body, and the choices as query parameters. The answer says what each row would do; send its plan_hash to run it. A large file is checked in the background: the response is 202 and the import shows when it is checked. An import can be undone for 30 days."
    )
    examples = (
        "POST /api/v1/imports/?resource=contacts&map=Alta=&policy=Etiquetas=add",
        'POST /api/v1/imports/{token}/run {"plan_hash": "…"}',
    )

    def schemas(self) -> dict[str, Any]:
        return openapi.import_schemas()

    def paths(self) -> dict[str, Any]:
        return openapi.import_paths(sorted(_importers()))

    @expose("/", methods=["POST"])
    def post(self) -> Answer:
        """Store a file and check it."""
        actor = current_actor()
        allowed = {
            name: importer
            for name, importer in _importers().items()
            if services.may_import(actor, importer.model)
        }
        if not allowed:
            abort(403)
        check_parameters(KNOWN)
        importer = allowed.get(request.args.get("resource", ""))
        if importer is None:
            wrong = {"resource": [_("Send one of: %(known)s.", known=", ".join(sorted(allowed)))]}
            return problem(422, _("Nothing was changed. Check the fields."), wrong)
        run: ImportRun | None = None
        try:
            choices = _choices()
            most = request.max_content_length = current_app.config["MAX_CONTENT_LENGTH"]
            # No transaction is open while the file is written.
            db.session.commit()
            name = clean(request.args.get("name", "import.csv"))
            fields = [field.name for field in importer.fields()]
            upload = store_any_upload(request.stream, name, most, fields)
            run = services.create_run_of(db.session(), importer, upload, actor)
            run.choices = choices
            db.session.commit()
            job = begin_check(importer, run)
        except DomainError as error:
            db.session.rollback()
            if run is not None:
                services.discard(db.session(), run)
                db.session.commit()
            return problem(422, str(error), {error.field: [str(error)]} if error.field else {})
        return _response(run.id, job, 201)

    @expose("/<string:token>", methods=["GET"])
    def get(self, token: str) -> Answer:
        """Return an import: its state, its counts, how its columns were read."""
        check_parameters(())
        return jsonify(_to_dict(_get_own(token)))

    @expose("/<string:token>/problems", methods=["GET"])
    def problems(self, token: str) -> Answer:
        """Return a page of what is wrong with rows of the file."""
        size, after = read_page(("size", "after"), "after")
        run = _get_own(token)
        query = select(ImportIssue).where(ImportIssue.run_id == run.id, ImportIssue.id > after)
        found = list(db.session.scalars(query.order_by(ImportIssue.id).limit(size + 1)))
        last = found[size - 1].id if len(found) > size else None
        return jsonify(
            results=[
                {
                    "row": one.row, "outcome": one.outcome, "field": one.field, "cell": one.cell,
                    "reason": one.reason,
                }
                for one in found[:size]
            ],
            next=next_url(f"{self.route_base}/{token}/problems", last, "after", size),
        )  # fmt: skip

    @expose("/<string:token>/run", methods=["POST"])
    def run(self, token: str) -> Answer:
        """Import what was checked; a second request returns the import of the first."""
        run = _get_own(token)
        model = get_importer(run.importer).model
        if not services.may_import(current_actor(), model, "can_add", "can_edit"):
            abort(403)
        sent = read_object()
        if sent.keys() != {"plan_hash"} or not isinstance(sent["plan_hash"], str):
            fields = {"plan_hash": [_("This field is required.")]}
            return problem(422, _("Nothing was changed. Check the fields."), fields)
        try:
            limit, key = background_limit(), screen_of(model).key
            job = services.confirm(
                db.session(), run, sent["plan_hash"], key, current_actor(), at_once=limit
            )
        except DomainError as error:
            db.session.rollback()
            return problem(409, str(error))
        return _response(run.id, commit_and_run(job, limit), 200)

    @expose("/<string:token>/undo", methods=["POST"])
    def undo(self, token: str) -> Answer:
        """Undo an import, except on rows that were changed since."""
        if request.get_data() and read_object():
            abort(400, _("This request takes no body."))
        run = _get_own(token)
        if not services.may_import(
            current_actor(), get_importer(run.importer).model, "can_edit", "can_delete"
        ):
            abort(403)
        try:
            limit = background_limit()
            job = services.undo(db.session(), run, current_actor(), at_once=limit)
        except DomainError as error:
            db.session.rollback()
            return problem(409, str(error))
        return _response(run.id, commit_and_run(job, limit), 200)


def _importers() -> dict[str, Importer]:
    return {kind.name: kind() for kind in Importer.all()}


def _choices() -> dict[str, Any]:
    """Return the choices of the query string, as the page of columns stores them."""
    choices: dict[str, Any] = {name: request.args.get(name, "") for name in TEXTS}
    choices |= {name: _flag(name) for name in FLAGS}
    choices["doubtful"] = request.args.get("doubtful", "")
    if choices["doubtful"] not in ("", "leave", "new"):
        raise DomainError(_("Send one of: %(known)s.", known="leave, new"), field="doubtful")
    if choices["day_order"] not in ("", "dmy", "mdy"):
        raise DomainError(_("Send one of: %(known)s.", known="dmy, mdy"), field="day_order")
    choices["mapping"] = dict(services.split_mapping(one) for one in request.args.getlist("map"))
    policies = dict(services.split_mapping(one) for one in request.args.getlist("policy"))
    if not set(policies.values()) <= set(POLICIES):
        raise DomainError(_("Send one of: %(known)s.", known=", ".join(POLICIES)), field="policy")
    choices["policies"] = policies
    choices["repairs"] = {"restores_all": choices.pop("restore")}
    return choices


def _flag(name: str) -> bool:
    text = request.args.get(name, "false")
    if text not in ("true", "false"):
        raise DomainError(_("Send one of: %(known)s.", known="true, false"), field=name)
    return text == "true"


def _get_own(token: str) -> ImportRun:
    """Return an import of the user's own by its token, of rows that they may import."""
    query = select(ImportRun).where(
        ImportRun.token == token, ImportRun.actor_id == current_actor().id
    )
    run = db.session.scalar(query)
    known = _importers()
    if (
        run is None
        or run.importer not in known
        or not services.may_import(current_actor(), known[run.importer].model)
    ):
        abort(404)
    return run


def _response(run_id: int, job: Job | None, ended: int) -> Answer:
    """Return an import, with 202 while its job is running."""
    db.session.rollback()
    run = db.session.get_one(ImportRun, run_id, populate_existing=True)
    reply = jsonify(_to_dict(run))
    reply.headers["Location"] = f"/api/v1/imports/{run.token}"
    return reply, 202 if job is not None and job.is_live else ended


def _to_dict(run: ImportRun) -> dict[str, Any]:
    plan = None if run.plan is None else load_plan(db.session(), run, current_actor())
    report = Report.from_json(run.result or run.checked or {})
    job = run.check_job if run.operation is None else run.operation.job
    undo_job = None if run.operation is None else run.operation.undo_job
    stored = run.plan or {}
    url = f"/api/v1/imports/{run.token}"
    return {
        "token": run.token,
        "resource": run.importer,
        "name": run.file_name,
        "state": _state(run, job),
        "error": "" if job is None else str(job.error or ""),
        "plan_hash": run.plan_hash,
        "rows": report.rows,
        **{outcome: getattr(report, outcome) for outcome in OUTCOMES},
        "restored": report.restored,
        "matched": report.matched,
        "mapping": {} if plan is None else plan.mapped,
        "ignored": [] if plan is None else plan.ignored,
        "missing": [] if plan is None else plan.missing,
        "encoding": stored.get("encoding", ""),
        "delimiter": stored.get("delimiter", ""),
        "country": stored.get("country", ""),
        "operation": run.operation_id,
        "undo_state": None if undo_job is None else undo_job.state,
        "url": url,
        "problems": f"{url}/problems",
    }


def _state(run: ImportRun, job: Job | None) -> str:
    """Return how far an import is: one of ``openapi.STATES``."""
    if job is None:
        return "uploaded"
    if job.is_live:
        return "checking" if run.operation is None else "importing"
    if job.state == "done":
        return "checked" if run.operation is None else "imported"
    return "failed"
