"""``/api/v1/files/``: the files of custom fields."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import FileStorage, MultiDict

from app.crud.api import Api
from app.crud.api.request_body import if_match
from app.crud.api.responses import problem, status_of
from app.crud.api.schemas import ID, error_responses, operation_object, query
from app.crud.filepages import has_file, send_row_file
from app.crud.interface import parse_id
from app.crud.screens import find_screen
from app.crud.uploads import remove_file, store_sent
from app.errors import DomainError, Locked
from app.extensions import db
from app.operations.action_input import resource_name
from app.subjects import Customizable, marked
from app.text import clean

Answer = Response | tuple[Response, int]


class FilesApi(Api):
    """The files of custom fields: send one, read it, remove it."""

    resource_name = "files"
    label = _l("Files of custom fields")
    icon = "paperclip"
    help = _l(
        "The row itself says the name of its file. PUT the contents as they are, with name and version in the address; DELETE removes the file. Types and size are limited by Settings → Organisation."
    )
    examples = (
        "PUT /api/v1/files/contacts/3/custom_12?name=certificate.pdf&version=2",
        "GET /api/v1/files/contacts/3/custom_12",
    )

    def paths(self) -> dict[str, Any]:
        text = {"type": "string"}
        place = [
            {"name": "resource", "in": "path", "required": True,
             "schema": {"type": "string", "enum": sorted(_screens())}},
            {"name": "pk", "in": "path", "required": True, "schema": ID},
            {"name": "field", "in": "path", "required": True, "schema": text},
        ]  # fmt: skip
        binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        version = query("version", _("The version you last read"), ID)
        name = query("name", _("The name of the file"), {"type": "string", "minLength": 1})
        saved = {"204": {"description": _("Done.")}, **error_responses("404", "409", "413", "422")}
        read = operation_object(
            "files", "get", _("Read a file"),
            {"200": {"description": _("Done."), "content": {"*/*": {"schema": text}}},
             **error_responses("404")}, parameters=place,
        )  # fmt: skip
        sent = operation_object(
            "files", "put", _("Send a file"), saved, parameters=[*place, name, version]
        )
        sent["requestBody"] = {"required": True, "content": binary}
        removed = operation_object(
            "files", "delete", _("Remove a file"), saved, parameters=[*place, version]
        )
        address = "/api/v1/files/{resource}/{pk}/{field}"
        return {address: {"get": read, "put": sent, "delete": removed}}

    @expose("/<string:resource>/<pk>/<string:field>", methods=["GET"])
    def get(self, resource: str, pk: str, field: str) -> Answer:
        """Send a file."""
        return send_row_file(self._find("can_show", resource, pk, field)[1], field)

    @expose("/<string:resource>/<pk>/<string:field>", methods=["PUT"])
    def put(self, resource: str, pk: str, field: str) -> Answer:
        """Store a file and let a row name it."""
        screen, row = self._find("can_edit", resource, pk, field)
        name, number = clean(request.args.get("name", "")), row.id
        if refused := self._why_not(screen, row):
            return refused
        if not name:
            text = _("Say the name of the file in the address: ?name=…")
            return problem(422, text, {"name": [text]})
        store_sent(screen.table.model, FileStorage(request.stream, filename=name), field)
        return self._save(screen, number)

    @expose("/<string:resource>/<pk>/<string:field>", methods=["DELETE"])
    def delete(self, resource: str, pk: str, field: str) -> Answer:
        """Let a row name a file no more."""
        screen, row = self._find("can_edit", resource, pk, field)
        if refused := self._why_not(screen, row):
            return refused
        remove_file(field)
        return self._save(screen, row.id)

    def _find(self, right: str, resource: str, pk: str, field: str) -> tuple[Any, Any]:
        """Return a screen and one of its rows; abort with 403 or 404."""
        screens = _screens()
        if not any(screen.can(right) for screen in screens.values()):
            abort(403)
        screen = screens.get(resource)
        if screen is None:
            abort(404)
        if not screen.can(right):
            abort(403)
        row = screen.find(pk)
        if not has_file(row, field):
            abort(404)
        return screen, row

    def _why_not(self, screen: Any, row: Any) -> Answer | None:
        """Return the answer if a row is locked or not of the version that was sent."""
        if locked := screen.why_locked(row):
            return problem(Locked.status, locked)
        sent = request.args.get("version")
        version = if_match() if sent is None else parse_id(sent)
        if version is None:
            text = _("Send the version you last read.")
            return problem(422, text, {"version": [text]})
        return _changed() if version != row.version else None

    def _save(self, screen: Any, number: int) -> Answer:
        row = screen.find(number)
        if refused := self._why_not(screen, row):
            return refused
        form = screen.edit_form(formdata=MultiDict(), obj=row, meta={"csrf": False})
        if not form.validate():
            errors = {field.name: [*map(str, field.errors)] for field in form if field.errors}
            return problem(422, _("Nothing was changed. Check the fields."), errors)
        try:
            screen.write(form, row)
        except DomainError as error:
            db.session.rollback()
            fields = {error.field: [str(error)]} if error.field else {}
            return problem(status_of(error), str(error), fields)
        except StaleDataError:
            db.session.rollback()
            return _changed()
        return Response(status=204)


def _changed() -> Answer:
    return problem(409, _("Someone else has changed this. Read it again, then send your change."))


def _screens() -> dict[str, Any]:
    """Return the screens whose rows may have files, by resource."""
    found = (find_screen(model) for model in marked(Customizable))
    return {resource_name(screen): screen for screen in found if screen is not None}
