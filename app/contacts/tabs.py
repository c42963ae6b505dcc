"""Tabs: the contacts of an account, and the access rights of a contact."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.contacts.models import Contact
from app.contacts.views.contacts import ContactView
from app.crud.relatedtab import RelatedTab
from app.crud.screens import may
from app.crud.tabs import Tab
from app.security.actor import current_actor
from app.security.scope import visible
from app.staff.models import StaffUser
from app.staff.tabs import access_context


class AccountContactsTab(RelatedTab):
    """The contacts of an account that the reader may see."""

    model, screen, by = Account, ContactView, "account"
    order = 20
    columns = ("name", "position", "department", "type", "status", "email", "phone")
    empty_title = _l("No contacts in this account yet")


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
