"""The address of the API that moves a row to another state, and its description."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, jsonify
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import MultiDict
from wtforms import SelectField

from app.crud.api.fields import ID_OR_OBJECT, MAX_LINKS, parse_related_id
from app.crud.api.request_body import if_match, is_version, read_object
from app.crud.api.responses import problem, status_of
from app.crud.api.schemas import ID
from app.crud.fields import SwitchField, TypedField
from app.crud.modelfields import ModelChoiceField, ModelMultipleChoiceField
from app.crud.transitionpages import answers_of
from app.errors import DomainError
from app.extensions import db
from app.security.actor import current_actor
from app.states.moves import apply_transition
from app.states.transitions import Transition, find_transition
from app.text import clean


class TransitionMethods:
    """Mixin of an API resource whose rows have a state."""

    screen: Any
    datamodel: Any
    _require: Any
    _conflict: Any
    _get_json: Any

    @expose("/<pk>/<string:name>", methods=["POST"])
    @permission_name("show")
    def transition(self, pk: str, name: str) -> Response | tuple[Response, int]:
        """Move a row to another state."""
        kind = find_transition(self.datamodel.obj, name)
        if kind is None:
            abort(404)
        self._require("can_show")
        if not self.screen.may_move(kind):
            abort(403)
        row = self.screen.find(pk)
        number = row.id
        sent = read_object()
        version = sent.pop("version", if_match())
        form, errors = _read_answers(kind, sent)
        if version is not None and not is_version(version):
            errors["version"] = [_("Send a whole number.")]
        if errors:
            db.session.rollback()
            return problem(422, _("Nothing was changed. Check the fields."), errors)
        try:
            transition = kind(current_actor(), answers_of(form))
            apply_transition(db.session(), row, transition, version=version)
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            return problem(status_of(error), str(error))
        except StaleDataError:
            db.session.rollback()
            return self._conflict(number)
        return jsonify(self._get_json(number))


def _read_answers(
    kind: type[Transition], sent: dict[str, Any]
) -> tuple[Any, dict[str, list[str]]]:
    """Return the form with what was sent, and what is wrong with it, by field."""
    form = None if kind.Form is None else kind.Form(formdata=None, meta={"csrf": False})
    fields = {} if form is None else {field.name: field for field in form}
    errors = {
        clean(name)[:80]: [_("This field doesn’t exist.")] for name in sent if name not in fields
    }
    if form is None:
        return None, errors
    typed: MultiDict[str, str] = MultiDict()
    for name in sent.keys() & fields.keys():
        try:
            typed.setlist(name, _form_values(fields[name], sent[name]))
        except DomainError as error:
            errors[name] = [str(error)]
    form = kind.Form(formdata=typed, meta={"csrf": False})
    if not form.validate():
        for field in form:
            if field.errors:
                errors.setdefault(field.name, [str(error) for error in field.errors])
    return form, errors


def _form_values(field: Any, value: Any) -> list[str]:
    """Return an answer as a browser would send it."""
    if isinstance(field, ModelMultipleChoiceField):
        if not isinstance(value, list) or len(value) > MAX_LINKS:
            raise DomainError(_("Send a list of up to %(number)s IDs.", number=MAX_LINKS))
        return [str(parse_related_id(one)) for one in value]
    if value is None:
        return [""]
    if isinstance(field, ModelChoiceField):
        return [str(parse_related_id(value))]
    if isinstance(field, SwitchField):
        if not isinstance(value, bool):
            raise DomainError(_("Send true or false."))
        return ["1" if value else ""]
    if isinstance(field, TypedField):
        return [field.field_type.form_text(value)]
    if not isinstance(value, str):
        raise DomainError(_("Send text."))
    return [value]


def request_schema(kind: type[Transition]) -> tuple[dict[str, Any], list[str]]:
    """Return the schemas of what a transition asks, by field, and the names of those required."""
    schemas: dict[str, Any] = {"version": ID | {"description": _("The version you last read.")}}
    form = () if kind.Form is None else kind.Form(formdata=None, meta={"csrf": False})
    required = []
    for field in form:
        schemas[field.name] = _field_schema(field) | {"title": str(field.label.text)}
        if field.flags.required:
            required.append(field.name)
    return schemas, required


def _field_schema(field: Any) -> dict[str, Any]:
    if isinstance(field, ModelMultipleChoiceField):
        return {"type": "array", "items": {"anyOf": ID_OR_OBJECT}, "maxItems": MAX_LINKS}
    if isinstance(field, ModelChoiceField):
        return {"anyOf": ID_OR_OBJECT}
    if isinstance(field, SwitchField):
        return {"type": "boolean"}
    if isinstance(field, TypedField):
        return field.field_type.json_schema()
    if isinstance(field, SelectField):
        choices: list[Any] = list(field.choices or ())  # type: ignore[arg-type]
        return {"type": "string", "enum": [code for code, _label in choices]}
    return {"type": "string"}
