"""Change the type of contacts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact
from app.operations.actions import ChangeRelation


class ChangeType(ChangeRelation):
    """Set the type of contacts, or empty it."""

    model = Contact
    relation = "type"
    label = _l("Change type")
    button = _l("Change type of %(rows)s")
    field_label = _l("New type")
    icon = "person-badge"
    order = 50
