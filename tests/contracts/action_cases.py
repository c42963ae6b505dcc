"""Answers, rows and users for the contract tests of every collective action.

They are derived from the action. One with special needs has a line in ``ANSWERS``,
``PREPARATIONS`` or ``EXTRA_ROLES``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from flask import current_app
from flask_appbuilder.security.sqla.models import Permission, PermissionView, Role, ViewMenu
from sqlalchemy import select
from wtforms import SelectField

from app.contacts.models import Contact
from app.crud.actions import get_list_actions
from app.crud.fields import SwitchField, TypedField
from app.crud.modelfields import ModelChoiceField
from app.crud.modelview import ModelView
from app.customfields.slots import SlotField
from app.entities.models import Entity
from app.extensions import db
from app.operations.actionbase import Action, answer_fields
from app.operations.models import Operation
from app.operations.stateverb import Move
from app.operations.transitions import TransitionAction
from app.operations.verbs import Link, MoveToTrash, Set, Unlink
from app.repositories.models import Repository
from app.security.actor import SYSTEM
from app.staff.models import StaffUser
from app.trash.services import restore
from tests.customfields.fields import a_field
from tests.factories import a_row, a_value, an_entity, the_entity
from tests.operations.run_actions import action_with, screen_of, verbs_of
from tests.people import READS_CONTACTS, Person, add_person


def _id(kind: Any) -> str:
    return f"{kind.model.__tablename__}-{kind.action_name()}"


# Every collective action of every model, as its lists offer it.
ON_EVERY_MODEL = [
    kind
    for model in dict.fromkeys(view.datamodel.obj for view in ModelView.all())
    for kind in get_list_actions(model)
    if issubclass(kind, Action)
]
# One of each class: contacts come first, and what they inherit is the same code elsewhere.
ACTIONS = [
    next(kind for kind in sorted(ON_EVERY_MODEL, key=lambda k: k.model is not Contact)
         if issubclass(kind, action))
    for action in Action.all()
]  # fmt: skip
# And each transition.
ACTIONS += [kind for kind in ON_EVERY_MODEL if issubclass(kind, TransitionAction)]
every_action = pytest.mark.parametrize("kind", ACTIONS, ids=_id)
every_action_on_every_model = pytest.mark.parametrize("kind", ON_EVERY_MODEL, ids=_id)
_number = count(1)


def _with_a_user(row: Any, entity: str) -> None:
    row.user = add_person(Person(f"persona-{next(_number)}", entity, None))
    db.session.commit()


def _custom_value(kind: type[Action]) -> dict[str, Any]:
    """Return a value of a custom field of the model, which is defined if need be."""
    defined = (field.name for field in SlotField.all() if field.model is kind.model)
    name = next(defined, "") or a_field(subject=kind.model.__tablename__).name
    return {"field": name, name: "XL"}


# Answers that cannot be derived from the fields.
ANSWERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "change_rights": lambda _kind: {"contacts": "read"},
    "set_custom_field": _custom_value,
}
# Prepares a new row so that the action changes it.
PREPARATIONS: dict[str, Callable[[Any, str], None]] = {"change_rights": _with_a_user}
# Roles that the actor needs besides the permission: nobody grants rights they do not have.
EXTRA_ROLES: dict[str, tuple[str, ...]] = {"change_rights": (READS_CONTACTS,)}
_TYPED = {"day": "2024-02-29", "moment": "2024-02-29T10:30", "whole": "7", "number": "7.5"}


def views_of(kind: type[Action]) -> list[ModelView]:
    """Return every screen over the rows of an action, those of the trash included."""
    return [
        view
        for view in current_app.appbuilder.baseviews  # type: ignore[attr-defined]
        if isinstance(view, ModelView) and issubclass(view.datamodel.obj, kind.model)
    ]


def list_post_url(kind: type[Action]) -> str:
    """Return the address that receives ticked rows."""
    return f"{screen_of(kind).route_base}/action_post"


def answers_for(kind: type[Action]) -> dict[str, Any]:
    """Return answers that change the rows of ``a_row_for``."""
    if made := ANSWERS.get(kind.action_name()):
        return made(kind)
    return {field.name: _answer(field) for field in answer_fields(kind.build_form())}


def _answer(field: Any) -> str:
    if isinstance(field, ModelChoiceField):
        if field.model is Entity:
            return str(the_entity("Bilbao").id)
        is_value = issubclass(field.model, Repository)
        return str((a_value(field.model) if is_value else a_row(field.model)).id)
    if isinstance(field, SelectField):
        return [value for value, _label in field.choices if value][-1]
    if isinstance(field, SwitchField):
        return "1"
    assert isinstance(field, TypedField), f"add answers for {field.name} to ANSWERS"
    return _TYPED.get(field.field_type.name, "Porque sí")


def a_row_for(kind: type[Action], answers: dict[str, Any], entity: str = "Norte") -> Any:
    """Insert a row that the action changes."""
    row = a_row(kind.model, entity)
    if prepare := PREPARATIONS.get(kind.action_name()):
        prepare(row, entity)
    for verb in action_with(kind, SYSTEM, answers).batch().verbs:
        if isinstance(verb, Unlink):
            getattr(row, verb.relation).append(db.session.get(verb.target, verb.target_id))
        if isinstance(verb, Move):
            _set_state(row, verb.kind.from_[0])
    db.session.commit()
    return row


def _set_state(row: Any, state: str) -> None:
    """Write the state of a row, as no session may."""
    db.session.flush()
    table = row.__table__
    values = {"state": state, "version": table.c.version + 1}
    db.session.execute(table.update().where(table.c.id == row.id).values(values))
    db.session.refresh(row)


def user_who_may(kind: type[Action], entity: str = "Norte") -> Person:
    """Create a user who may see the list and run one action, and nothing else."""
    resource = screen_of(kind).class_permission_name
    return _holder(
        f"only-{kind.action_name()}-{next(_number)}",
        entity,
        _pairs(Permission.name.in_((kind.action_name(), "can_list")), ViewMenu.name == resource),
        EXTRA_ROLES.get(kind.action_name(), ()),
    )


def user_who_may_not(kind: type[Action]) -> Person:
    """Create a user with every permission except that of one action."""
    pairs = _pairs(Permission.name != kind.action_name())
    return _holder(f"all-but-{kind.action_name()}", "Norte", pairs, ())


def _pairs(*conditions: Any) -> list[PermissionView]:
    query = select(PermissionView).join(PermissionView.permission).join(PermissionView.view_menu)
    return list(db.session.scalars(query.where(*conditions)))


def _holder(name: str, entity: str, pairs: list[Any], also: tuple[str, ...]) -> Person:
    person = Person(name, entity, name)
    db.session.add(Role(name=name, permissions=pairs))
    db.session.flush()
    user = add_person(person)
    for role in also:
        user.roles.append(db.session.scalars(select(Role).where(Role.name == role)).one())
    db.session.commit()
    return person


def change_by_hand(kind: type[Action], operation: Operation, row: Any) -> None:
    """Change a row again that an operation changed."""
    verb = verbs_of(kind, operation)[0]
    if isinstance(verb, Link | Unlink):
        others = getattr(row, verb.relation)
        mine = db.session.get(verb.target, verb.target_id)
        if mine in others:
            others.remove(mine)
        else:
            others.append(mine)
    elif isinstance(verb, MoveToTrash):
        restore(row)
    elif isinstance(verb, Move):
        _set_state(row, verb.kind.from_[0])
    elif isinstance(verb, Set) and verb.column.startswith("custom_"):
        setattr(row, verb.column, "Another")
    elif isinstance(verb, Set):
        assert verb.target is not None, "say here what another value is"
        is_entity = verb.target[1] is Entity
        name = f"Delegación {next(_number)}"
        other = an_entity(name, "Norte") if is_entity else a_value(verb.target[1])
        setattr(row, verb.column, other.id)
    else:
        user: StaffUser = row.user
        user.roles = []
    db.session.commit()
