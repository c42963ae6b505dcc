"""Tabs that contacts add to other files: everybody of an account."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.contacts.models import Contact
from app.crud.paging import CAP
from app.crud.tabs import Tab
from app.security.actor import current_actor
from app.security.scope import visible


class AccountContactsTab(Tab):
    """Everybody who belongs to the account, as far as the reader may see them."""

    name = "contacts"
    label = _l("Contacts")
    model = Account
    template = "contacts/account_tab.html"
    order = 20
    most = 100

    @classmethod
    def _contacts(cls, row: Account) -> Any:
        return visible(Contact, current_actor()).where(Contact.account_id == row.id)

    @classmethod
    def count(cls, session: Session, row: Account) -> int:
        rows = cls._contacts(row).with_only_columns(Contact.id).limit(CAP).subquery()
        return session.scalar(select(func.count()).select_from(rows)) or 0

    @classmethod
    def content(cls, session: Session, row: Account, view: Any) -> dict[str, Any]:
        query = cls._contacts(row).order_by(Contact.sort_name, Contact.id).limit(cls.most)
        return {"contacts": session.scalars(query).all(), "most": cls.most}
