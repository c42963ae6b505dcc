"""``/api/v1/exports/``: files of the rows of a list, made by a job as those of the pages."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, jsonify, send_file
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.crud.api import Api
from app.crud.api.request_body import read_object
from app.crud.api.responses import problem
from app.crud.api.schemas import (
    ID,
    error_responses,
    json_response,
    object_schema,
    operation_object,
)
from app.crud.interface import parse_id
from app.crud.screens import Screen, find_screen
from app.errors import DomainError
from app.extensions import db
from app.importexport.fields import key_fields
from app.importexport.formats import FORMATS, formats_of
from app.importexport.importer import Importer
from app.imports import exports
from app.imports.exports import ExportChoice
from app.imports.models import ExportFile
from app.imports.plans import get_importer
from app.jobs.models import STATES
from app.operations.selection import MAX_IDS, OutOfScope, Selection, to_query_string
from app.operations.services import record_out_of_scope
from app.security.actor import current_actor
from app.storage.files import find_file
from app.text import clean

Answer = Response | tuple[Response, int]
TEXT = {"type": "string"}
NAMES = ("resource", "format", "fields", "filter", "ids", "keys")


class WrongExport(DomainError):
    """A field of the request is wrong."""


class ExportsApi(Api):
    """The exports of the key's owner."""

    resource_name = "exports"
    label = _l("Exports")
    icon = "download"
    help = _l(
        "Select by ID (ids) or by a filter as used in lists (filter); without either, everything. The file is made in the background and kept for 24 hours: ask for the export until its state is “done”, then get its file. With keys: true each row carries _id and _version, by which an import finds it again."
    )
    examples = (
        '{"resource": "contacts", "format": "xlsx", "filter": {"type__is": "1"},\n'
        ' "fields": ["first_name", "last_name", "email"], "keys": true}',
    )

    def schemas(self) -> dict[str, Any]:
        return _schemas()

    def paths(self) -> dict[str, Any]:
        return _paths()

    @expose("/", methods=["POST"])
    def post(self) -> Answer:
        """Start an export."""
        if not any(exports.may_export(current_actor(), kind.model) for kind in Importer.all()):
            abort(403)
        sent, actor = read_object(), current_actor()
        try:
            importer, choice = _read(sent)
            choice.selection.check(actor)
        except OutOfScope as error:
            db.session.rollback()
            record_out_of_scope(db.session(), "export", choice.selection, actor)
            db.session.commit()
            return problem(403, str(error))
        except DomainError as error:
            db.session.rollback()
            fields = {error.field: [str(error)]} if error.field else {}
            return problem(422, str(error), fields)
        job = exports.start_export(db.session(), importer, choice, actor)
        db.session.commit()
        export = db.session.scalars(select(ExportFile).where(ExportFile.job_id == job.id)).one()
        reply = jsonify(_to_dict(export))
        reply.headers["Location"] = f"{self.route_base}/{export.id}"
        return reply, 202

    @expose("/<pk>", methods=["GET"])
    def get(self, pk: str) -> Answer:
        """Return the state of an export."""
        return jsonify(_to_dict(_own(pk)))

    @expose("/<pk>/file", methods=["GET"])
    def file(self, pk: str) -> Answer:
        """Send the file of an export."""
        export = _own(pk)
        if export.file_key is None:
            return problem(409, _("This file is not ready."))
        model = get_importer(export.importer).model
        why = exports.why_not_downloaded(export, current_actor(), model)
        path = find_file(export.file_key)
        if why or path is None:
            return problem(409, why or _("This file is not ready."))
        return send_file(
            path, mimetype="application/octet-stream", as_attachment=True,
            download_name=export.file_name, max_age=0,
        )  # fmt: skip


def _own(pk: str) -> ExportFile:
    actor = current_actor()
    query = select(ExportFile).where(
        ExportFile.id == (parse_id(pk) or 0), ExportFile.actor_id == actor.id
    )
    export = None if actor.id is None else db.session.scalar(query)
    if export is None:
        abort(404)
    return export


def _to_dict(export: ExportFile) -> dict[str, Any]:
    job = export.job
    return {
        "export": export.id,
        "resource": export.importer,
        "format": export.choices.get("format", "csv"),
        "state": "done" if job is None else job.state,
        "error": "" if job is None else job.error,
        "rows": export.rows,
        "expires_at": None if export.expires_at is None else export.expires_at.isoformat(),
        "file": None if export.file_key is None else f"/api/v1/exports/{export.id}/file",
    }


def _read(sent: dict[str, Any]) -> tuple[Importer, ExportChoice]:
    """Return what a request asks for; DomainError for the first field that is wrong."""
    for name in sent:
        if name not in NAMES:
            raise WrongExport(_("This field doesn’t exist."), field=clean(name)[:80])
    importer, screen = _importer(sent.get("resource"))
    known = importer.export_fields()
    formats = {one.name: one for one in formats_of(known)}
    file_format = formats.get(str(sent.get("format", "csv")))
    if file_format is None:
        raise WrongExport(_("Send one of: %(known)s.", known=", ".join(formats)), field="format")
    fields = _fields(sent.get("fields"), {field.name: field for field in known})
    keys = sent.get("keys", False)
    if not isinstance(keys, bool):
        raise WrongExport(_("Send true or false."), field="keys")
    fields = (*(key_fields(importer.model) if keys else ()), *fields)
    selection = _selection(sent, screen)
    return importer, ExportChoice(file_format, file_format.fields_of(fields, known), selection)


def _importer(name: Any) -> tuple[Importer, Screen]:
    known = {kind.name: kind for kind in Importer.all()}
    kind = known.get(name) if isinstance(name, str) else None
    screen = None if kind is None else find_screen(kind.model)
    if kind is None or screen is None:
        names = ", ".join(sorted(known))
        raise WrongExport(_("Send one of: %(known)s.", known=names), field="resource")
    if not exports.may_export(current_actor(), kind.model):
        abort(403)
    return kind(), screen


def _fields(names: Any, known: dict[str, Any]) -> tuple[Any, ...]:
    if names is None:
        return tuple(known.values())
    is_list = isinstance(names, list) and 0 < len(names) <= len(known)
    if not is_list or not all(isinstance(name, str) and name in known for name in names):
        text = ", ".join(known)
        raise WrongExport(_("Send a list of: %(known)s.", known=text), field="fields")
    return tuple(known[name] for name in dict.fromkeys(names))


def _selection(sent: dict[str, Any], screen: Screen) -> Selection:
    if "ids" in sent:
        ids = sent["ids"]
        is_list = isinstance(ids, list) and 0 < len(ids) <= MAX_IDS
        if "filter" in sent or not is_list or not all(type(pk) is int and 0 < pk < 2**31 for pk in ids):  # fmt: skip
            reason = _("Send a list of %(fewest)s to %(most)s IDs.", fewest=1, most=MAX_IDS)
            raise WrongExport(reason, field="ids")
        return Selection(screen, tuple(sorted(set(ids))))
    given = sent.get("filter", {})
    is_plain = isinstance(given, dict) and all(
        isinstance(value, str | int) and not isinstance(value, bool) for value in given.values()
    )
    if not is_plain:
        raise WrongExport(_("Send a single JSON value in braces: {…}."), field="filter")
    pairs = {clean(name): clean(str(value)) for name, value in given.items()}
    for name, value in pairs.items():
        if (name != "q" and "__" not in name) or not value:
            reason = _("Filter “%(name)s” doesn’t exist.", name=name[:80])
            raise WrongExport(reason, field="filter")
    selection = Selection(screen, None, to_query_string(pairs))
    try:
        selection.state()
    except DomainError as error:
        raise WrongExport(str(error), field="filter") from None
    return selection


def _schemas() -> dict[str, Any]:
    known = {kind.name: kind().export_fields() for kind in Importer.all()}
    new = {
        "resource": {"type": "string", "enum": sorted(known)},
        "format": {"type": "string", "enum": [*FORMATS], "default": "csv"},
        "fields": {"type": "array", "items": TEXT, "minItems": 1,
                   "description": _("The columns, in this order; by default all.")},
        "filter": {"type": "object", "additionalProperties": {"type": ["string", "integer"]},
                   "description": _("The list’s filters, and q for a text search.")},
        "ids": {"type": "array", "items": ID, "minItems": 1, "maxItems": MAX_IDS},
        "keys": {"type": "boolean", "default": False},
    }  # fmt: skip
    export = {
        "export": ID,
        "resource": TEXT,
        "format": TEXT,
        "state": {"type": "string", "enum": [*STATES]},
        "error": TEXT,
        "rows": {"type": "integer", "minimum": 0},
        "expires_at": {"type": ["string", "null"], "format": "date-time"},
        "file": {"type": ["string", "null"]},
    }
    return {
        "ExportNew": object_schema(new, ["resource"]),
        "Export": object_schema(export, [*export]),
    }


def _paths() -> dict[str, Any]:
    tag, base = "exports", "/api/v1/exports/"
    number = {"name": "id", "in": "path", "required": True, "schema": ID}
    file = {
        "description": _("The file."),
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
        },
    }
    begun = json_response("Export", _("Runs in the background."))
    begun["headers"] = {"Location": {"schema": TEXT}}
    return {
        base: {
            "post": operation_object(
                tag, "add", _("Start an export"),
                {"202": begun, **error_responses("413", "415", "422")}, body="ExportNew",
            ),
        },
        f"{base}{{id}}": {
            "parameters": [number],
            "get": operation_object(
                tag, "show", _("State of an export"),
                {"200": json_response("Export"), **error_responses("404")},
            ),
        },
        f"{base}{{id}}/file": {
            "parameters": [number],
            "get": operation_object(
                tag, "file", _("The file of an export"),
                {"200": file, **error_responses("404", "409")},
            ),
        },
    }  # fmt: skip
