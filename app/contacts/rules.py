"""The rules of contacts."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, exists

from app.contacts.models import Contact
from app.staff.models import StaffUser
from app.states.rules import Rule


class NotTheirOwnManager(Rule):
    """Nobody reports to themselves."""

    model = Contact
    field = "manager"
    message = _l("A contact can’t be their own line manager.")

    def broken(self, row: Any) -> ColumnElement[bool]:
        return row.manager_id == row.id


class TrashedContactsCannotSignIn(Rule):
    """Who can sign in is not moved to the trash."""

    model = Contact
    message = _l("This person can sign in. Remove their access first in Access rights.")

    def broken(self, row: Any) -> ColumnElement[bool]:
        signs_in = exists().where(StaffUser.id == row.user_id, StaffUser.may_log_in())
        return and_(row.trashed_at.is_not(None), signs_in)
