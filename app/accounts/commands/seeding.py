"""Initial data of a new database: the usual types of accounts."""

from __future__ import annotations

from app.accounts.models import AccountType
from app.extensions import db
from app.repositories.services import fill_list
from app.staff.seeding import Seeder

TYPES = (
    ("Customer", "Cliente", "violet"),
    ("Prospect", "Cliente potencial", "amber"),
    ("Partner", "Colaborador", "green"),
    ("Supplier", "Proveedor", "blue"),
    ("Other", "Otro", "grey"),
)


class AccountTypes(Seeder):
    """The usual types of accounts."""

    def seed(self, demo: bool) -> None:
        """Fill the list if it is empty."""
        fill_list(db.session(), AccountType, TYPES)
        db.session.commit()
