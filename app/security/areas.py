"""Areas of the program and levels of access to them."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from flask_babel import lazy_gettext as _l


class Area(StrEnum):
    """A part of the program that access is granted to."""

    CONTACTS = "contacts"
    ACTIVITIES = "activities"
    ACCOUNTING = "accounting"
    SALES = "sales"
    COMMUNICATION = "communication"
    SETTINGS = "settings"
    SECURITY = "security"

    @property
    def label(self):
        """Return the translated name of the area."""
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
    """A level of access to an area."""

    FORBIDDEN = 0
    READ = 1
    EDIT = 2
    # For administrators only: no area role includes it.
    ADMIN = 3

    @property
    def label(self):
        """Return the translated name of the level."""
        return LEVEL_LABELS[self]


LEVEL_LABELS = {
    Level.FORBIDDEN: _l("No access"),
    Level.READ: _l("View"),
    Level.EDIT: _l("Edit"),
    Level.ADMIN: _l("Administrators only"),
}
