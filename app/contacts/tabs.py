"""Tabs: the contacts of an account, and the access rights of a contact."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.contacts.models import Contact
from app.crud.paging import MAX_COUNT
from app.crud.screens import may, screen_of
from app.crud.table import Table
from app.crud.tabs import Tab
from app.security.actor import current_actor
from app.security.scope import visible
from app.staff.models import StaffUser
from app.staff.tabs import access_context


class AccountContactsTab(Tab):
    """The contacts of an account that the reader may see."""

    name = "contacts"
    label = _l("Contacts")
    model = Account
    template = "contacts/account_tab.html"
    order = 20
    right = ("can_list", Contact)
    max_rows = 100

    @classmethod
    def _table(cls, row: Account) -> Table:
        return screen_of(Contact).table.where(Contact.account_id == row.id)

    @classmethod
    def count(cls, session: Session, row: Account) -> int:
        table = cls._table(row)
        return min(table.count(table.read_state(), current_actor()), MAX_COUNT)

    @classmethod
    def content(cls, session: Session, row: Account, view: Any) -> dict[str, Any]:
        table = cls._table(row)
        query = table.select(table.read_state()).order_by(Contact.sort_name, Contact.id)
        query = query.limit(cls.max_rows)
        return {"contacts": session.scalars(query).all(), "max_rows": cls.max_rows}


class ContactAccessTab(Tab):
    """The access rights of the contact's user, if it has one."""

    name = "access"
    label = _l("Access rights")
    model = Contact
    template = "contacts/access_tab.html"
    order = 20
    right = ("can_list", StaffUser)

    @classmethod
    def content(cls, session: Session, row: Contact, view: Any) -> dict[str, Any]:
        user = None
        if row.user_id is not None:
            query = visible(StaffUser, current_actor()).where(StaffUser.id == row.user_id)
            user = session.scalar(query.execution_options(with_trash=True))
        context: dict[str, Any] = {
            "access": None,
            "is_user_out_of_scope": user is None and row.user_id is not None,
            "may_add_users": may("can_add", StaffUser),
            "may_edit_users": may("can_edit", StaffUser),
        }
        if user is not None:
            back = f"{view.route_base}/show/{row.id}?tab=access"
            context["access"] = access_context(user, back)
        return context
