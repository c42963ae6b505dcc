"""A screen's rows for programs: the same rights, scope, filters, forms and log as on the screen."""

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

from app.crud.api.responses import problem
from app.crud.api.request_body import read_object
from app.crud.api.fields import ApiField, ApiLink, ApiLinks, make_field
from app.crud.columns import Plan
from app.crud.filters import SEPARATOR, BadFilter
from app.crud.forms import RowForm
from app.crud.interface import Interface
from app.crud.listing import SIZES, ListState, load_page, read_state
from app.crud.modelview import ModelView
from app.crud.paging import BadPage
from app.errors import DomainError, InUse
from app.extensions import db
from app.registry import Plug
from app.security.actor import current_actor
from app.text import clean

Answer = Response | tuple[Response, int]
GIVEN = ("id", "version", "created_at", "updated_at")
PARAMETERS = frozenset({"q", "sort", "size", "after", "before"})
# Unknown fields named in an error: enough to see the mistake.
MOST_NAMED = 20


class ModelApi(fab.ModelRestApi, Plug, abstract=True):
    """The rows of one screen under ``/api/v1/…``. Subclass it, name the screen, and it is there.

    Flask-AppBuilder's own way to read and write (Rison, schemas made from every column and
    relation) is left aside: it knows no scope and no form.
    """

    view: ClassVar[type[ModelView]]
    screen: ModelView
    datamodel: Interface
    include_route_methods = {"get_list", "get", "post", "patch", "delete"}
    fields: ClassVar[dict[str, ApiField | ApiLink | ApiLinks]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if view := getattr(cls, "view", None):
            cls.datamodel = view.datamodel
            cls.resource_name = view.route_base.strip("/")
            cls.class_permission_name = view.class_permission_name or view.__name__

    def _init_properties(self) -> None:
        """Leave out what Flask-AppBuilder would make of every column of the model."""

    def _init_titles(self) -> None:
        """Leave the titles to the screen."""

    def _init_model_schemas(self) -> None:
        """Leave the schemas to the screen's forms."""

    def create_blueprint(self, appbuilder: Any, *args: Any, **kwargs: Any) -> Any:
        """Find the screen and take the fields from it."""
        self.screen = next(v for v in appbuilder.baseviews if type(v) is self.view)
        columns = dict.fromkeys([*self.screen.edit_columns, *self.screen.add_columns])
        names = [
            name
            for name in columns
            if name in self.datamodel.list_properties
            and (self.datamodel.is_relation(name) or self.datamodel.kind(name).name != "photo")
        ]
        given = [name for name in GIVEN if name in self.datamodel.list_properties]
        self.fields = {  # type: ignore[misc]
            name: make_field(self.datamodel, name, self.screen.label_of(name))
            for name in dict.fromkeys([*given, *names])
        }
        return super().create_blueprint(appbuilder, *args, **kwargs)

    def settable(self, is_new: bool) -> list[str]:
        """Return the names of what can be sent for a new row, or for one that is there."""
        columns = self.screen.add_columns if is_new else self.screen.edit_columns
        return [name for name in columns if name in self.fields and name not in GIVEN]

    @expose("/", methods=["GET"])
    @permission_name("list")
    def get_list(self) -> Answer:
        """Answer one page of the rows that the parameters ask for."""
        self._ask("can_list")
        try:
            page = load_page(
                self.screen, self._state(), current_actor(), list(self.fields.values())
            )
        except BadPage as error:
            if str(error) == "size":
                sizes = ", ".join(str(size) for size in SIZES)
                return problem(400, _("Choose a size of page: %(sizes)s.", sizes=sizes))
            return problem(400, _("There is no such page: use “next” and “previous” as they are."))
        except DomainError as error:
            return problem(400, str(error))
        return jsonify(
            results=[self._row(values) for _id, values in page.rows],
            next=self._url(page.next),
            previous=self._url(page.previous),
            count=page.count,
            count_is_capped=page.is_capped,
        )

    @expose("/", methods=["POST"])
    @permission_name("add")
    def post(self) -> Answer:
        """Make a new row."""
        self._ask("can_add")
        row = self.datamodel.obj()
        typed, wrong = self._read(read_object(), None)
        form = self.screen.add_form(
            formdata=typed, data=self.screen.defaults(), meta={"csrf": False}
        )
        refused = self._write(form, row, wrong)
        if refused is not None:
            return refused
        reply = jsonify(self._find(row.id))
        reply.headers["Location"] = f"{self.route_base}/{row.id}"
        return reply, 201

    @expose("/<pk>", methods=["GET"])
    @permission_name("show")
    def get(self, pk: str) -> Answer:
        """Answer one row."""
        self._ask("can_show")
        return jsonify(self._find(self.screen.find(pk).id))

    @expose("/<pk>", methods=["PATCH"])
    @permission_name("edit")
    def patch(self, pk: str) -> Answer:
        """Change the fields that are sent; the version says which state of the row was read."""
        self._ask("can_edit")
        row = self.screen.find(pk)
        number = row.id
        sent = read_object()
        version = sent.pop("version", _matched())
        typed, wrong = self._read(sent, row)
        if version is None:
            wrong["version"] = [_("Send the version of the row you have read.")]
        elif not _is_version(version):
            wrong["version"] = [_("Send a whole number.")]
        elif version != row.version:
            return self._stale(number)
        form = self.screen.edit_form(formdata=typed, obj=row, meta={"csrf": False})
        refused = self._write(form, row, wrong)
        return jsonify(self._find(number)) if refused is None else refused

    @expose("/<pk>", methods=["DELETE"])
    @permission_name("delete")
    def delete(self, pk: str) -> Answer:
        """Move a row to the trash; what cannot be trashed is deleted, if nothing hangs on it."""
        self._ask("can_delete")
        row = self.screen.find(pk)
        number, name = row.id, str(row)
        version = _matched()
        if version is not None and version != row.version:
            return self._stale(number)
        try:
            self.screen.remove(row)
        except DomainError as error:
            db.session.rollback()
            return problem(409 if isinstance(error, InUse) else 422, str(error))
        except StaleDataError:
            db.session.rollback()
            return self._stale(number)
        except IntegrityError:
            db.session.rollback()
            return problem(409, _("“%(name)s” is in use and cannot be deleted.", name=name))
        return Response(status=204)

    def _ask(self, permission: str) -> None:
        if not self.screen.may(permission):
            abort(403)

    def _state(self) -> ListState:
        for name in request.args:
            if name not in PARAMETERS and SEPARATOR not in name:
                raise BadFilter(_("There is no parameter “%(name)s”.", name=clean(name)[:80]))
        return read_state(self.screen, request.args, {})

    def _url(self, query: str) -> str | None:
        return f"{self.route_base}/{query}" if query else None

    def _row(self, values: list[Any]) -> dict[str, Any]:
        return dict(zip(self.fields, values, strict=True))

    def _find(self, number: int) -> dict[str, Any]:
        """Return one row as a list would, so that both say the same."""
        model = self.datamodel.obj
        plan = Plan(list(self.fields.values()))
        query = select(model.id, model.id).where(model.id == number)
        query = plan.apply(query, current_actor())
        rows = list(db.session.execute(query))
        return self._row(plan.cells(rows)[0][1])

    def _read(self, sent: dict[str, Any], row: Any) -> tuple[MultiDict, dict[str, list[str]]]:
        """Return what would be typed into the form, and what is wrong with what was sent."""
        typed: MultiDict[str, str] = MultiDict()
        wrong: dict[str, list[str]] = {}
        settable = self.settable(row is None)
        for name, value in sent.items():
            if name not in settable:
                if len(wrong) < MOST_NAMED:
                    reason = (
                        _("The program sets this.")
                        if name in GIVEN
                        else _("There is no such field.")
                    )
                    wrong[clean(name)[:80]] = [reason]
                continue
            field = self.fields[name]
            try:
                typed.setlist(name, field.typed(value))
            except DomainError as error:
                wrong[name] = [str(error)]
        return typed, wrong

    def _write(self, form: RowForm, row: Any, wrong: dict[str, list[str]]) -> Answer | None:
        """Write a form's row; answer what is wrong, or nothing when all is well."""
        number = row.id
        if not form.validate():
            for field in form:
                if field.errors and field.name not in wrong:
                    wrong[field.name] = [str(error) for error in field.errors]
        if wrong:
            db.session.rollback()
            return problem(422, _("Nothing was changed: some fields are wrong."), wrong)
        try:
            self.screen.write(form, row)
        except DomainError as error:
            db.session.rollback()
            fields = {error.field: [str(error)]} if error.field else {}
            return problem(422, str(error), fields)
        except StaleDataError:
            db.session.rollback()
            return self._stale(number)
        except IntegrityError:
            db.session.rollback()
            return problem(409, _("Somebody changed this list meanwhile; send it again."))
        return None

    def _stale(self, number: int) -> Answer:
        """Answer that somebody else was faster, with the row as it is now."""
        self.screen.find(number)
        text = _("Somebody else changed this meanwhile: read it again, then send your change.")
        return problem(409, text, current=self._find(number))


def _matched() -> Any:
    """Return the version named by the header If-Match, if there is one."""
    text = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _is_version(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
