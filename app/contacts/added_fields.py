"""Fields that contacts add to accounts."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Integer, func, select

from app.accounts.models import Account
from app.added_fields import ComputedField
from app.contacts.models import Contact
from app.security.scope import not_trashed, scope_condition


class AccountContactCount(ComputedField):
    """How many contacts of an account the reader may see."""

    model = Account
    name = "contact_count"
    label = _l("Contacts")
    in_list = True
    type = Integer()

    @classmethod
    def expression(cls, row: Any, actor: Any) -> ColumnElement[Any]:
        query = select(func.count(Contact.id)).where(Contact.account_id == row.id)
        query = query.where(scope_condition(Contact, actor), not_trashed(Contact))
        return query.scalar_subquery()
