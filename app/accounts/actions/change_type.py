"""Change the type of accounts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.accounts.models import Account
from app.operations.actions import ChangeRelation


class ChangeType(ChangeRelation):
    """Set the type of accounts, or empty it."""

    model = Account
    relation = "type"
    label = _l("Change type")
    button = _l("Change type of %(rows)s")
    field_label = _l("New type")
    icon = "building-gear"
    order = 50
