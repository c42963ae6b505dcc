"""Change the category of contacts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact
from app.operations.actions import ChangeRelation


class ChangeCategory(ChangeRelation):
    """Set the category of contacts, or empty it."""

    model = Contact
    relation = "category"
    label = _l("Change category")
    button = _l("Change category of %(rows)s")
    field_label = _l("New category")
    icon = "bookmark"
    order = 30
