"""Tabs: the contacts of an account, and the access rights of a contact."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.contacts.models import Contact
from app.crud.paging import MAX_COUNT
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
    right = ("can_list", "ContactView")
    max_rows = 100

    @classmethod
    def _contacts(cls, row: Account) -> Any:
        return visible(Contact, current_actor()).where(Contact.account_id == row.id)

    @classmethod
    def count(cls, session: Session, row: Account) -> int:
        rows = cls._contacts(row).with_only_columns(Contact.id).limit(MAX_COUNT).subquery()
        return session.scalar(select(func.count()).select_from(rows)) or 0

    @classmethod
    def content(cls, session: Session, row: Account, view: Any) -> dict[str, Any]:
        query = cls._contacts(row).order_by(Contact.sort_name, Contact.id).limit(cls.max_rows)
        return {"contacts": session.scalars(query).all(), "max_rows": cls.max_rows}


class ContactAccessTab(Tab):
    """The access rights of the contact's user, if it has one."""

    name = "access"
    label = _l("Access rights")
    model = Contact
    template = "contacts/access_tab.html"
    order = 20
    right = ("can_list", "UserView")

    @classmethod
    def content(cls, session: Session, row: Contact, view: Any) -> dict[str, Any]:
        user = None
        if row.user_id is not None:
            query = visible(StaffUser, current_actor()).where(StaffUser.id == row.user_id)
            user = session.scalar(query.execution_options(with_trash=True))
        if user is None:
            return {"access": None, "is_user_out_of_scope": row.user_id is not None}
        back = f"{view.route_base}/show/{row.id}?tab=access"
        return {"access": access_context(user, back), "is_user_out_of_scope": False}
