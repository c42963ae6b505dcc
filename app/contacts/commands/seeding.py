"""Initial data of a new database: values of the repositories and, optionally, demo data."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import func, select

from app.contacts.demo import fill_with_demo
from app.contacts.models import Category, Contact, ContactType, Status, Tag
from app.extensions import db
from app.repositories.services import fill_list
from app.staff.seeding import Seeder

VALUES = {
    ContactType: (
        ("Member", "Miembro", "green"),
        ("Donor", "Donante", "blue"),
        ("Volunteer", "Voluntario", "amber"),
        ("Supplier", "Proveedor", "grey"),
        ("Customer", "Cliente", "violet"),
        ("External", "Externo", "grey"),
    ),
    Category: (
        ("Office", "Oficina", "teal"),
        ("Supervisor", "Supervisor", "violet"),
        ("Board", "Junta directiva", "blue"),
    ),
    Status: (
        ("Active", "Activo", "green"),
        ("Pending", "Pendiente", "amber"),
        ("Deregistered", "Dado de baja", "red"),
    ),
    Tag: (("To be completed", "Por completar", "amber"),),
}


def fill_repositories(_demo: bool) -> None:
    """Give a new database the usual values, in both languages."""
    if any(db.session.scalar(select(func.count(model.id))) for model in VALUES):
        return
    for model, values in VALUES.items():
        fill_list(db.session(), model, values)
    db.session.commit()


def fill_demo(demo: bool) -> None:
    """Give an empty database some people to try the program with."""
    empty = not db.session.scalar(
        select(func.count(Contact.id)).execution_options(with_trash=True)
    )
    if demo and empty:
        fill_with_demo(db.session())
        db.session.commit()
        DemoContacts.has_filled = True


class RepositoryValues(Seeder):
    """The usual values of the repositories."""

    def seed(self, demo: bool) -> None:
        """Fill the repositories if they are empty."""
        fill_repositories(demo)


class DemoContacts(Seeder):
    """Example contacts to try the program with."""

    # Whether they were added in this run: other rooms then add to them.
    has_filled: ClassVar[bool] = False

    def seed(self, demo: bool) -> None:
        """Add the examples if they are asked for and there are no contacts."""
        fill_demo(demo)
