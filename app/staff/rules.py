"""The rules of users."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, false

from app.staff.models import StaffUser
from app.states.rules import Rule


class UsersHaveAnEntity(Rule):
    """A user has an entity, unless the program itself makes them: the first administrator."""

    model = StaffUser
    field = "entity"
    message = _l("Choose this person’s entity.")

    def broken(self, row: Any) -> ColumnElement[bool]:
        return false() if self.actor.is_system else row.entity_id.is_(None)
