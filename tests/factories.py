"""Factories of test rows: ``a_contact(last_name="Peña")`` creates a contact and returns it."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import String, inspect, select

from app.accounts.models import Account
from app.contacts.models import Contact, ContactType, Status, Tag
from app.entities.models import Entity
from app.extensions import db
from app.jobs.models import Job
from app.operations.models import Operation
from app.repositories.models import Repository
from app.staff.models import StaffUser
from app.types import now
from tests.people import Person, add_person

_number = count(1)


def _save(row: Any) -> Any:
    db.session.add(row)
    db.session.commit()
    return row


def the_entity(name: str) -> Entity:
    """Return an entity of the test tree: Federación, Norte, Bilbao or Sur."""
    return db.session.scalars(select(Entity).where(Entity.name == name)).one()


def an_entity(name: str = "Cáceres", parent: str = "Federación") -> Entity:
    """Create an entity."""
    return _save(Entity(name=name, parent_id=the_entity(parent).id))


def a_contact(entity: str = "Norte", **fields: Any) -> Contact:
    """Create a contact of an entity."""
    fields = {"first_name": "Ana", "last_name": f"García {next(_number)}"} | fields
    return _save(Contact(entity=the_entity(entity), **fields))


def an_account(entity: str = "Norte", **fields: Any) -> Account:
    """Create an account of an entity."""
    fields = {"name": f"Cooperativa {next(_number)}"} | fields
    return _save(Account(entity=the_entity(entity), **fields))


def a_value(model: type, **fields: Any) -> Any:
    """Create a value of a repository."""
    number = next(_number)
    fields = {"label_en": f"Value {number}", "label_es": f"Valor {number}"} | fields
    return _save(model(position=number, **fields))


def the_value(model: type, label_en: str) -> Any:
    """Return a value that a new database contains."""
    return db.session.scalars(select(model).where(model.label_en == label_en)).one()


def some_contacts(number_of_contacts: int, entity: str = "Norte") -> None:
    """Create many contacts, every other one with a type, a status and a tag."""
    home = the_entity(entity)
    kind, status = the_value(ContactType, "Member"), the_value(Status, "Active")
    tag = the_value(Tag, "To be completed")
    for number in range(number_of_contacts):
        contact = Contact(
            first_name="Íñigo" if number % 2 else "Emily",
            last_name=f"Peña {number % 7}",
            number=f"T{number:05d}",
            email=None if number % 3 == 0 else f"p{number}@example.org",
            entity=home,
            type=kind if number % 2 else None,
            status=status if number % 2 else None,
            tags=[tag] if number % 2 else [],
        )
        db.session.add(contact)
    db.session.commit()


def an_operation(user: StaffUser) -> Operation:
    """Create a finished operation of a user on no rows."""
    job = Job(kind="operation", payload={}, state="done", actor_id=user.id)
    row = Operation(
        action="delete", subject_type="contact", selection={"list": "contacts", "ids": []},
        actor_id=user.id, confirmed_at=now(), undo_until=now() + timedelta(days=1), job=job,
    )  # fmt: skip
    return _save(row)


def a_row(model: type, entity: str = "Norte") -> Any:
    """Create a row of any model that has views."""
    number = next(_number)
    factories = {
        Contact: lambda: a_contact(entity),
        Account: lambda: an_account(entity),
        Entity: lambda: an_entity(f"Delegación {number}", entity),
        StaffUser: lambda: add_person(Person(f"persona{number}", entity, None)),
        Role: lambda: _save(Role(name=f"Role {number}")),
    }
    if issubclass(model, Repository):
        return a_value(model)
    return factories[model]() if model in factories else _a_plain_row(model, entity, number)


def _a_plain_row(model: Any, entity: str, number: int) -> Any:
    """Create a row of a model that needs no factory: an entity and some texts."""
    fields: dict[str, Any] = {}
    for attribute in inspect(model).column_attrs:
        column = attribute.columns[0]
        is_given = column.default is not None or column.primary_key or attribute.key == "number"
        if attribute.key == "entity_id":
            fields["entity"] = the_entity(entity)
        elif not column.nullable and not is_given:
            assert isinstance(column.type, String), f"{column} needs a factory"
            fields[attribute.key] = f"{column.info.get('label', 'Row')} {number}"
    return _save(model(**fields))
