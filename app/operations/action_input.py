"""Find the action that a program or the command line names, and read its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _
from wtforms import SelectField

from app.crud.fields import SwitchField, TypedField
from app.crud.interface import parse_id
from app.crud.modelfields import ModelChoiceField, ModelMultipleChoiceField
from app.crud.screens import Screen, menu_order, screens
from app.errors import DomainError
from app.extensions import db
from app.fieldtypes import Boolean, Hints
from app.i18n.languages import LANGUAGES
from app.importexport.lookups import ByName, EntityLookup, Lookup, RepositoryLookup
from app.operations.actionbase import NONE, Action, ActionForm, answer_fields
from app.repositories.models import Repository
from app.security.actor import Actor, current_actor
from app.security.rights import actor_has_permission
from app.text import clean, fold

# Values of one field, and wrong fields that an error names.
MAX_VALUES, MAX_FIELDS_IN_ERROR = 500, 20


class WrongAnswers(DomainError):
    """Some answers are wrong; ``fields`` holds the reasons, by field."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self.fields = fields
        super().__init__(
            " ".join(f"{name}: {' '.join(reasons)}" for name, reasons in fields.items())
        )


def find_action(name: str, resource: str = "") -> tuple[type[Action], Screen]:
    """Return an action, written change-status or change_status, and the screen it is on.

    ``resource`` is the address of the screen, such as “accounts”; without it, the action is on
    the first screen of the menu that has it. DomainError if there is none.
    """
    wanted = name.strip().replace("-", "_")
    every = screens_with_actions()
    if resource:
        every = [one for one in every if resource_name(one) == resource.strip().strip("/")]
        if not every:
            known = ", ".join(resource_name(one) for one in screens_with_actions())
            raise DomainError(_("Send one of: %(known)s.", known=known))
    for screen in every:
        for kind in screen_actions(screen):
            if kind.action_name() == wanted:
                return kind, screen
    names = {dashed(kind.action_name()) for screen in every for kind in screen_actions(screen)}
    raise DomainError(
        _(
            "Action “%(name)s” doesn’t exist. Available actions: %(known)s.",
            name=clean(name)[:60],
            known=", ".join(sorted(names)),
        )
    )


def screens_with_actions() -> list[Screen]:
    """Return the screens with collective actions, in the order of the menu."""
    return sorted((screen for screen in screens() if screen_actions(screen)), key=menu_order)


def screen_actions(screen: Screen) -> list[type[Action]]:
    """Return the collective actions of a screen, in order."""
    return [kind for kind in screen.collective.values() if issubclass(kind, Action)]


def resource_name(screen: Screen) -> str:
    """Return what the command line and the API call a screen: its address without slashes."""
    return screen.route_base.strip("/")


def dashed(name: str) -> str:
    """Return an action's name as the command line and the API write it."""
    return name.replace("_", "-")


def may_run(actor: Actor, kind: type[Action], screen: Screen) -> bool:
    """Return True if an actor has the permission of an action, and may list its rows."""
    resource = screen.class_permission_name
    return actor_has_permission(actor, "can_list", resource) and actor_has_permission(
        actor, kind.action_name(), resource
    )


def read_answers(kind: type[Action], values: Mapping[str, Any]) -> ActionForm:
    """Return the form of an action with these answers, valid; WrongAnswers if they are not.

    A value may be text or JSON: the id or the name of a linked row, a code or its label.
    """
    fields = {field.name: field for field in answer_fields(kind.build_form())}
    values_sent: dict[str, list[str]] = {}
    wrong: dict[str, list[str]] = {}
    for name, value in values.items():
        if name not in fields:
            known = ", ".join(fields) or "—"
            if len(wrong) < MAX_FIELDS_IN_ERROR:
                wrong[clean(name)[:80]] = [
                    _("This field doesn’t exist. Available fields: %(known)s.", known=known)
                ]
            continue
        try:
            values_sent[name] = _form_values(fields[name], value)
        except DomainError as error:
            wrong[name] = [str(error)]
    form = kind.build_form(values_sent)
    if not form.validate():
        for field in answer_fields(form):
            if field.errors and field.name not in wrong:
                wrong[field.name] = [str(error) for error in field.errors]
    if wrong:
        raise WrongAnswers(wrong)
    return form


def _form_values(field: Any, value: Any) -> list[str]:
    """Return an answer as a browser would send it."""
    if isinstance(field, ModelMultipleChoiceField):
        values = value if isinstance(value, list) else [value]
        if len(values) > MAX_VALUES:
            raise DomainError(_("Send a list of up to %(number)s IDs.", number=MAX_VALUES))
        return [_linked_id(field, one) for one in values]
    if isinstance(field, ModelChoiceField):
        return [_linked_id(field, value)]
    if isinstance(field, SwitchField):
        return ["1" if _read_boolean(value) else ""]
    if isinstance(field, SelectField):
        return [_choice_code(field, value)]
    if value is None:
        return [""]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DomainError(_("Send text."))
    assert isinstance(field, TypedField), f"how is {field.name} written?"
    return [str(value)]


def _linked_id(field: Any, value: Any) -> str:
    """Return the id of the linked row, given as an id, a name or {"id", "label"}."""
    may_be_none = getattr(field, "or_none", False)
    if value is None or (isinstance(value, str) and not clean(value)):
        return NONE if may_be_none and value is None else ""
    if isinstance(value, dict) and "id" in value and set(value) <= {"id", "label"}:
        value = value["id"]
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 < value < 2**31:
            raise DomainError(_("Send the ID of the linked item."))
        return str(value)
    if not isinstance(value, str):
        raise DomainError(_("Send an ID or a name."))
    text = clean(value)
    if may_be_none and fold(text) == NONE:
        return NONE
    found = _lookup(field.model)
    found.load([text])
    if not found.has(text) and parse_id(text) is not None:
        return text
    return str(found.find(text).id)


def _lookup(model: Any) -> Lookup:
    """Return the lookup that finds rows of a model by their name."""
    if issubclass(model, Repository):
        kind: type[Lookup] = RepositoryLookup
    else:
        kind = EntityLookup if hasattr(model, "path") else ByName
    return kind(db.session(), model, current_actor(), False)


def _read_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise DomainError(_("Send true or false."))
    return Boolean().read(clean(value), Hints())


def _choice_code(field: SelectField, value: Any) -> str:
    """Return the code of a choice, given as the code or as its label in any language."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DomainError(_("Send text."))
    choices: list[tuple[str, Any]] = list(field.choices or ())  # type: ignore[arg-type]
    if value in {code for code, _label in choices}:
        return value
    wanted = fold(clean(value))
    for language in LANGUAGES:
        with force_locale(language):
            for code, label in choices:
                if fold(str(label)) == wanted:
                    return code
    known = ", ".join(code for code, _label in choices if code)
    raise DomainError(
        _(
            "“%(value)s” is not a valid option. Use one of: %(known)s.",
            value=clean(value)[:80],
            known=known,
        )
    )
