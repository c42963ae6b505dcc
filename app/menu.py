"""The categories of the menu, in order: (name, label, icon)."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

CATEGORIES = (
    ("Contacts", _l("Contacts"), "people"),
    ("Activities", _l("Activities"), "calendar-event"),
    ("Sales", _l("Sales"), "briefcase"),
    ("Communication", _l("Communication"), "envelope"),
    ("Settings", _l("Settings"), "gear"),
    ("Security", _l("Security"), "shield-lock"),
)
