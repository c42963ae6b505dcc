"""Areas of the program and levels of right on them."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from flask_babel import lazy_gettext as _l


class Area(StrEnum):
    """A part of the program that rights are given on."""

    CONTACTS = "contacts"
    ACTIVITIES = "activities"
    ACCOUNTING = "accounting"
    SALES = "sales"
    COMMUNICATION = "communication"
    SETTINGS = "settings"
    SECURITY = "security"

    @property
    def label(self):
        """Return the area's name for people."""
        return AREA_LABELS[self]


AREA_LABELS = {
    Area.CONTACTS: _l("Contacts"),
    Area.ACTIVITIES: _l("Activities"),
    Area.ACCOUNTING: _l("Accounting"),
    Area.SALES: _l("Sales"),
    Area.COMMUNICATION: _l("Communication"),
    Area.SETTINGS: _l("Settings"),
    Area.SECURITY: _l("Security"),
}


class Level(IntEnum):
    """How far a right reaches."""

    FORBIDDEN = 0
    READ = 1
    EDIT = 2
    # What administrators alone may do: no role of an area carries it.
    ADMIN = 3

    @property
    def label(self):
        """Return the level's name for people."""
        return LEVEL_LABELS[self]


LEVEL_LABELS = {
    Level.FORBIDDEN: _l("forbidden"),
    Level.READ: _l("read"),
    Level.EDIT: _l("edit"),
    Level.ADMIN: _l("administrators only"),
}
