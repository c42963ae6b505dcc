"""Custom fields of the demo data."""

from __future__ import annotations

from app.contacts.commands.seeding import DemoContacts
from app.customfields.demo import fill_with_demo
from app.extensions import db
from app.staff.seeding import Seeder


class DemoCustomFields(Seeder):
    """Example custom fields, for the example contacts."""

    def seed(self, demo: bool) -> None:
        """Add them if the example contacts have just been added."""
        if DemoContacts.has_filled:
            DemoContacts.has_filled = False
            fill_with_demo(db.session())
