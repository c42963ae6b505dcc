"""Fields added to contacts: a stored one and two computed ones, as a higher room would add them.

A mapped attribute cannot be taken off a model again, so these tests run in a process of their
own, which ``tests/contracts/test_added_fields.py`` starts.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import Integer, String, func, select
from sqlalchemy.orm import aliased, mapped_column

from app import types
from app.added_fields import ComputedField, StoredField
from app.contacts.models import Contact
from app.security.scope import scope_condition


class Shirt(StoredField):
    model, name, label, after = Contact, "shirt", _l("Size"), "birth_date"
    column = mapped_column(
        String(2), info={"kind": "choice", "choices": {"s": _l("Small"), "l": _l("Large")}}
    )


class Fee(StoredField):
    model, name, label = Contact, "fee", _l("Amount")
    column = mapped_column(types.Money(), info={"kind": "money"})


class Reports(ComputedField):
    model, name, label, in_list = Contact, "reports", _l("Number"), True
    type = Integer()

    @classmethod
    def expression(cls, row, actor):
        other = aliased(Contact)
        query = select(func.count(other.id)).where(other.manager_id == row.id)
        return query.where(scope_condition(other, actor)).scalar_subquery()
