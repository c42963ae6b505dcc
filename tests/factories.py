"""Rows that look like life: ``a_contact(last_name="Peña")`` writes one and returns it."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.accounts.models import Account
from app.contacts.models import Category, Contact, ContactType, Status, Tag
from app.contacts.services import prepare_contact
from app.entities.models import Entity
from app.extensions import db
from app.jobs.models import Job
from app.operations.models import Operation
from app.staff.models import StaffUser
from app.types import now
from tests.people import Person, add_person

_number = count(1)


def _write(row: Any) -> Any:
    db.session.add(row)
    db.session.commit()
    return row


def the_entity(name: str) -> Entity:
    """Return one of the entities of the tree: Federación, Norte, Bilbao, Sur."""
    return db.session.scalars(select(Entity).where(Entity.name == name)).one()


def an_entity(name: str = "Cáceres", parent: str = "Federación") -> Entity:
    """Write a part of the organisation."""
    return _write(Entity(name=name, parent_id=the_entity(parent).id))


def a_contact(entity: str = "Norte", **fields: Any) -> Contact:
    """Write a contact of an entity."""
    fields = {"first_name": "Ana", "last_name": f"García {next(_number)}"} | fields
    contact = Contact(entity=the_entity(entity), **fields)
    prepare_contact(db.session(), contact)
    return _write(contact)


def an_account(entity: str = "Norte", **fields: Any) -> Account:
    """Write a company of an entity."""
    fields = {"name": f"Cooperativa {next(_number)}"} | fields
    return _write(Account(entity=the_entity(entity), **fields))


def a_value(model: type, **fields: Any) -> Any:
    """Write a value of a repository."""
    number = next(_number)
    fields = {"label_en": f"Value {number}", "label_es": f"Valor {number}"} | fields
    return _write(model(position=number, **fields))


def the_value(model: type, label_en: str) -> Any:
    """Return one of the values a new database comes with."""
    return db.session.scalars(select(model).where(model.label_en == label_en)).one()


def some_contacts(how_many: int, entity: str = "Norte") -> None:
    """Write many contacts at once, every other one with a type, a status and a tag."""
    home = the_entity(entity)
    kind, status = the_value(ContactType, "Member"), the_value(Status, "Active")
    tag = the_value(Tag, "To be completed")
    for number in range(how_many):
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
    """Write a collective action that was done, on somebody's behalf, to no contact at all."""
    job = Job(kind="operation", payload={}, state="done", actor_id=user.id)
    row = Operation(
        action="delete", subject_type="contact", selection={"view": "ContactView", "ids": []},
        actor_id=user.id, confirmed_at=now(), undo_until=now() + timedelta(days=1), job=job,
    )  # fmt: skip
    return _write(row)


def a_row(model: type, entity: str = "Norte") -> Any:
    """Write a row of any model that has screens."""
    number = next(_number)
    makers = {
        Contact: lambda: a_contact(entity),
        Account: lambda: an_account(entity),
        Entity: lambda: an_entity(f"Delegación {number}", entity),
        StaffUser: lambda: add_person(Person(f"persona{number}", entity, None)),
        Role: lambda: _write(Role(name=f"Role {number}")),
    }
    repositories = (Category, ContactType, Status, Tag)
    return a_value(model) if model in repositories else makers[model]()
