"""REST API over a view: same permissions, scope, filters, forms and log as its pages."""

from __future__ import annotations

from typing import Any, ClassVar

import flask_appbuilder as fab
from flask import Response, abort, jsonify, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import MultiDict

from app.crud.api.lines import AnyField, ApiLines, make_field
from app.crud.api.request_body import if_match, is_version, read_object
from app.crud.api.responses import problem, status_of
from app.crud.api.transitions import TransitionMethods
from app.crud.columns import ColumnPlan
from app.crud.derivation import Derivation, derived_class
from app.crud.fabnames import IGNORED_BY_MODEL_API, refuse_ignored_names
from app.crud.filterbase import SEPARATOR, InvalidFilter
from app.crud.forms import RowForm
from app.crud.interface import ScopedInterface
from app.crud.listing import SIZES, ListState
from app.crud.modelview import ModelView
from app.crud.paging import InvalidPage
from app.crud.screens import registered_view
from app.crud.submissions import AlreadySubmitted
from app.errors import DomainError, Locked
from app.extensions import db
from app.registry import Plug
from app.security.actor import current_actor
from app.states.stateful import STATE_NOT_EDITED, Stateful
from app.text import clean

ApiResponse = Response | tuple[Response, int]
READ_ONLY_FIELDS = ("id", "version", "created_at", "updated_at")
PARAMETERS = frozenset({"q", "sort", "size", "after", "before"})
# The most unknown fields that an error names.
MAX_NAMED_FIELDS = 20


class ModelApi(TransitionMethods, fab.ModelRestApi, Plug, abstract=True):
    """The rows of one view under ``/api/v1/…``. Subclass it and set ``view``; that registers it.

    Flask-AppBuilder's own reading and writing (Rison, marshmallow schemas of every column and
    relation) is replaced, because it applies neither our scope nor our forms.
    """

    view: ClassVar[type[ModelView]]
    screen: ModelView
    datamodel: ScopedInterface
    include_route_methods = {"get_list", "get", "post", "patch", "delete"}
    fields: ClassVar[dict[str, AnyField]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        refuse_ignored_names(cls, ModelApi, IGNORED_BY_MODEL_API)
        super().__init_subclass__(**kwargs)
        if view := getattr(cls, "view", None):
            cls.datamodel = view.datamodel
            cls.resource_name = view.route_base.strip("/")
            cls.class_permission_name = view.class_permission_name or view.__name__
            if issubclass(view.datamodel.obj, Stateful):
                cls.include_route_methods = {*cls.include_route_methods, "transition"}

    def _init_properties(self) -> None:
        """Skip Flask-AppBuilder's defaults from every column of the model."""

    def _init_titles(self) -> None:
        """Skip: the view has the titles."""

    def _init_model_schemas(self) -> None:
        """Skip: the forms of the view validate."""

    def create_blueprint(self, appbuilder: Any, *args: Any, **kwargs: Any) -> Any:
        """Find the registered view and derive the fields from its form columns."""
        self.screen = registered_view(self.view)
        self.rebuild()
        return super().create_blueprint(appbuilder, *args, **kwargs)

    def rebuild(self) -> None:
        """Derive the fields from the form columns of the view."""
        self.datamodel = self.screen.datamodel  # type: ignore[misc]
        columns = dict.fromkeys([*self.screen.edit_columns, *self.screen.add_columns])
        names = [
            name
            for name in columns
            if name in self.datamodel.list_properties
            and (
                self.datamodel.is_relation(name) or self.datamodel.field_type(name).name != "photo"
            )
        ]
        self.uploaded = {
            name
            for name in names
            if not self.datamodel.is_relation(name)
            and self.datamodel.field_type(name).form_field == "file"
        }
        given = [name for name in self.read_only() if name in self.datamodel.list_properties]
        names += self.datamodel.computed
        self.fields = {  # type: ignore[misc]
            name: make_field(self.datamodel, name, self.screen.get_label(name))
            for name in dict.fromkeys([*given, *names])
        }

    def settable(self, is_new: bool) -> list[str]:
        """Return the names of the fields that a request may set."""
        columns = self.screen.add_columns if is_new else self.screen.edit_columns
        given = self.read_only()
        return [name for name in columns if name in self.fields and name not in given]

    def read_only(self) -> tuple[str, ...]:
        """Return the names of the fields that no request may set."""
        states = ("state",) if issubclass(self.datamodel.obj, Stateful) else ()
        return (*READ_ONLY_FIELDS, *states, *self.datamodel.computed, *self.uploaded)

    @expose("/", methods=["GET"])
    @permission_name("list")
    def get_list(self) -> ApiResponse:
        """Return one page of the list."""
        self._require("can_list")
        try:
            page = self.screen.table.load_page(
                self._state(), current_actor(), list(self.fields.values())
            )
        except InvalidPage as error:
            if str(error) == "size":
                sizes = ", ".join(str(size) for size in SIZES)
                return problem(400, _("Choose a page size: %(sizes)s.", sizes=sizes))
            return problem(
                400, _("This page doesn’t exist. Use “next” and “previous” exactly as returned.")
            )
        except DomainError as error:
            return problem(error.status, str(error))
        return jsonify(
            results=[self._row_json(values) for _id, values in page.rows],
            next=self._url(page.next),
            previous=self._url(page.previous),
            count=page.count,
            count_is_capped=page.is_capped,
        )

    @expose("/", methods=["POST"])
    @permission_name("add")
    def post(self) -> ApiResponse:
        """Create a row."""
        self._require("can_add")
        row = self.datamodel.obj()
        typed, errors = self._form_data(read_object(), None)
        form = self.screen.add_form(
            formdata=typed, data=self.screen.defaults(), meta={"csrf": False}
        )
        try:
            refused = self._save(form, row, errors)
            number = row.id
        except AlreadySubmitted as earlier:
            db.session.rollback()
            refused, number = None, self.screen.find(earlier.row_id).id
        if refused is not None:
            return refused
        reply = jsonify(self._get_json(number))
        reply.headers["Location"] = f"{self.route_base}/{number}"
        return reply, 201

    @expose("/<pk>", methods=["GET"])
    @permission_name("show")
    def get(self, pk: str) -> ApiResponse:
        """Return one row."""
        self._require("can_show")
        return jsonify(self._get_json(self.screen.find(pk).id))

    @expose("/<pk>", methods=["PATCH"])
    @permission_name("edit")
    def patch(self, pk: str) -> ApiResponse:
        """Update the fields of the request; its version must be the current one."""
        self._require("can_edit")
        row = self.screen.find(pk)
        number = row.id
        sent = read_object()
        if locked := self.screen.why_locked(row):
            return problem(Locked.status, locked)
        version = sent.pop("version", if_match())
        typed, errors = self._form_data(sent, row)
        if version is None:
            errors["version"] = [_("Send the version you last read.")]
        elif not is_version(version):
            errors["version"] = [_("Send a whole number.")]
        elif version != row.version:
            return self._conflict(number)
        form = self.screen.edit_form(formdata=typed, obj=row, meta={"csrf": False})
        refused = self._save(form, row, errors)
        return jsonify(self._get_json(number)) if refused is None else refused

    @expose("/<pk>", methods=["DELETE"])
    @permission_name("delete")
    def delete(self, pk: str) -> ApiResponse:
        """Move a row to the trash; delete it if its model has no trash."""
        self._require("can_delete")
        row = self.screen.find(pk)
        number, name = row.id, str(row)
        version = if_match()
        if version is not None and version != row.version:
            return self._conflict(number)
        try:
            self.screen.remove(row)
        except DomainError as error:
            db.session.rollback()
            return problem(status_of(error), str(error))
        except StaleDataError:
            db.session.rollback()
            return self._conflict(number)
        except IntegrityError:
            db.session.rollback()
            return problem(409, _("“%(name)s” is in use and can’t be deleted.", name=name))
        return Response(status=204)

    def _require(self, permission: str) -> None:
        if not self.screen.can(permission):
            abort(403)

    def _state(self) -> ListState:
        for name in request.args:
            if name not in PARAMETERS and SEPARATOR not in name:
                raise InvalidFilter(
                    _("Parameter “%(name)s” doesn’t exist.", name=clean(name)[:80])
                )
        return self.screen.table.read_state(request.args)

    def _url(self, query: str) -> str | None:
        return f"{self.route_base}/{query}" if query else None

    def _row_json(self, values: list[Any]) -> dict[str, Any]:
        return dict(zip(self.fields, values, strict=True))

    def _get_json(self, number: int) -> dict[str, Any]:
        """Return one row as JSON, serialized as in a list."""
        model = self.datamodel.obj
        plan = ColumnPlan(list(self.fields.values()))
        query = select(model.id, model.id).where(model.id == number)
        query = plan.apply(query, current_actor())
        rows = list(db.session.execute(query))
        return self._row_json(plan.cells(rows)[0][1])

    def _form_data(self, sent: dict[str, Any], row: Any) -> tuple[MultiDict, dict[str, list[str]]]:
        """Return the form data for a JSON object, and error messages by field."""
        typed: MultiDict[str, str] = MultiDict()
        errors: dict[str, list[str]] = {}
        settable = self.settable(row is None)
        for name, value in sent.items():
            if name not in settable:
                if len(errors) < MAX_NAMED_FIELDS:
                    errors[clean(name)[:80]] = [self._why_not_set(name)]
                continue
            field = self.fields[name]
            try:
                if isinstance(field, ApiLines):
                    field.write_form(typed, value)
                else:
                    typed.setlist(name, field.form_values(value))
            except DomainError as error:
                errors[name] = [str(error)]
        return typed, errors

    def _why_not_set(self, name: str) -> str:
        if name in self.uploaded:
            return _("Send the file itself: PUT /api/v1/files/…")
        if name in READ_ONLY_FIELDS or name in self.datamodel.computed:
            return _("Set automatically.")
        return (
            str(STATE_NOT_EDITED) if name in self.read_only() else _("This field doesn’t exist.")
        )

    def _save(self, form: RowForm, row: Any, errors: dict[str, list[str]]) -> ApiResponse | None:
        """Save a form; return an error response, or None if it was saved."""
        number = row.id
        if not form.validate():
            for field in form:
                if field.errors and field.name not in errors:
                    errors[field.name] = [str(error) for error in field.errors]
        if errors:
            db.session.rollback()
            return problem(422, _("Nothing was changed. Check the fields."), errors)
        try:
            self.screen.write(form, row)
        except DomainError as error:
            db.session.rollback()
            fields = {error.field: [str(error)]} if error.field else {}
            return problem(status_of(error), str(error), fields)
        except StaleDataError:
            db.session.rollback()
            return self._conflict(number)
        except IntegrityError:
            db.session.rollback()
            return problem(409, _("Someone else has changed this list. Send it again."))
        return None

    def _conflict(self, number: int) -> ApiResponse:
        """Return the response of a version conflict, with the current row."""
        self.screen.find(number)
        text = _("Someone else has changed this. Read it again, then send your change.")
        return problem(409, text, current=self._get_json(number))


class ApiDerivation(Derivation):
    """The API resource of every screen with ``api = True``."""

    attribute = "api"
    screens = ModelView

    @classmethod
    def derive(cls, screen: type[ModelView]) -> None:
        derived_class(screen, ModelApi, "Api", view=screen)
