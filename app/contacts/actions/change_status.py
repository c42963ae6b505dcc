"""Change the status of contacts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact
from app.operations.actions import ChangeRelation


class ChangeStatus(ChangeRelation):
    """Set the status of contacts, or empty it."""

    model = Contact
    relation = "status"
    label = _l("Change status")
    button = _l("Change status of %(rows)s")
    field_label = _l("New status")
    icon = "toggle-on"
    order = 40
