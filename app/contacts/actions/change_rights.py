"""Change the rights of contacts who are users, by area."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flask_appbuilder.security.sqla.models import Role, assoc_user_role
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session
from wtforms import SelectField

from app.contacts.models import Contact
from app.errors import DomainError
from app.extensions import db
from app.operations.actions import Action, ActionForm
from app.operations.batch import Batch
from app.security.areas import Area, Level
from app.security.privileges import permissions_by_role, permissions_of_actor
from app.security.rights import ADMINISTRATOR
from app.security.roles import LEVELS, role_name
from app.security.scope import entity_in_reach
from app.staff.access import used_areas
from app.staff.models import StaffUser

CHOICES = [
    ("", _l("Don’t change")),
    *((level.name.lower(), level.label) for level in (Level.FORBIDDEN, *LEVELS)),
]
_link = assoc_user_role.c


class RightsForm(ActionForm):
    """A level for each area that has pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for area in {*Area}.difference(used_areas()):
            del self[area.value]


for _area in Area:
    setattr(RightsForm, _area.value, SelectField(_area.label, choices=CHOICES, default=""))


class ChangeRights(Action):
    """Set the level of users in some areas; their other roles stay."""

    model = Contact
    label = _l("Change rights")
    button = _l("Change rights of %(rows)s")
    icon = "shield-lock"
    area = Area.SECURITY
    order = 70
    help = _l(
        "Only contacts who are users have rights. You can’t give more rights than you have. Their other roles stay the same."
    )
    reasons = {
        "no_user": _l("This contact is not a user. Give them access first in Access rights."),
        "administrator": _l("Administrators already have full access."),
        "self": _l("You can’t change your own rights."),
        "above": _l("This person has rights that you don’t have."),
    }
    Form = RightsForm

    def check(self) -> None:
        if not self.wanted:
            raise DomainError(_("Choose a level in at least one area."))
        held = permissions_of_actor(self.actor)
        given = [role for role in self.wanted.values() if role is not None]
        carried = permissions_by_role(given)
        for area, role in self.wanted.items():
            if role is not None and not held.includes(carried[role.id]):
                raise DomainError(_("You can only give rights that you have."), field=area.value)

    def apply(self, batch: Batch) -> None:
        user = Contact.user_id
        batch.skip(user.is_(None), "no_user")
        batch.refuse(user == (self.actor.id or 0), "self")
        batch.refuse(self._is_above_actor(), "above")
        batch.skip(_has([self.roles[ADMINISTRATOR].id]), "administrator")
        gone = exists().where(StaffUser.id == user, StaffUser.trashed_at.is_not(None))
        batch.skip(gone, "no_user")
        batch.each(or_(*map(self._differs, self.wanted)), self._change, self._show)

    def undo_row(self, session: Session, row: Any, before: Any) -> tuple[str, str]:
        user = row.user
        concerned = {*before["concerned"]}
        # The contact may be linked to another user by now.
        is_same = user is not None and user.id == before["user"]
        if not is_same or _ids(user, concerned) != before["after"]:
            raise DomainError(_("It has changed since."))
        now = self._role_names([role for role in user.roles if role.id in concerned])
        roles = list(session.scalars(select(Role).where(Role.id.in_(before["before"]))))
        if len(roles) != len(before["before"]):
            raise DomainError(_("The previous value no longer exists."))
        user.roles = [*(role for role in user.roles if role.id not in concerned), *roles]
        return now, self._role_names(roles)

    @cached_property
    def roles(self) -> dict[str, Role]:
        """Return every role by its name."""
        return {role.name: role for role in db.session.scalars(select(Role))}

    @cached_property
    def wanted(self) -> dict[Area, Role | None]:
        """Return the role to give in each answered area; None is to remove its roles."""
        chosen = {area: getattr(self.answers, area.value, "") for area in Area}
        return {
            area: None
            if level == Level.FORBIDDEN.name.lower()
            else self.roles[role_name(area, Level[level.upper()])]
            for area, level in chosen.items()
            if level
        }

    def _of_area(self, area: Area) -> list[Role]:
        return [self.roles[role_name(area, level)] for level in LEVELS]

    def _differs(self, area: Area) -> ColumnElement[bool]:
        """Return the condition that a user's level in an area is not the one wanted."""
        role = self.wanted[area]
        others = [other.id for other in self._of_area(area) if other is not role]
        return _has(others) if role is None else or_(_has(others), not_(_has([role.id])))

    def _is_above_actor(self) -> ColumnElement[bool]:
        """Return the condition that a user is out of scope, or has rights that the actor lacks."""
        held = permissions_of_actor(self.actor)
        carried = permissions_by_role(self.roles.values())
        beyond = [number for number, rights in carried.items() if not held.includes(rights)]
        reach = func.coalesce(entity_in_reach(StaffUser.entity_id, self.actor), False)
        elsewhere = exists().where(StaffUser.id == Contact.user_id, not_(reach))
        return and_(Contact.user_id.is_not(None), or_(elsewhere, _has(beyond)))

    def _change(self, row: Contact) -> tuple[Any, str, str]:
        user: Any = row.user
        concerned = {role.id for area in self.wanted for role in self._of_area(area)}
        before = _ids(user, concerned)
        old = self._role_names([role for role in user.roles if role.id in concerned])
        given = [role for role in self.wanted.values() if role is not None]
        user.roles = [*(role for role in user.roles if role.id not in concerned), *given]
        kept = {
            "user": user.id,
            "concerned": sorted(concerned),
            "before": before,
            "after": _ids(user, concerned),
        }
        return kept, old, self._role_names(given)

    def _show(self, row: Contact) -> tuple[Any, str, str]:
        concerned = {role.id for area in self.wanted for role in self._of_area(area)}
        user: Any = row.user
        present = [role for role in user.roles if role.id in concerned]
        given = [role for role in self.wanted.values() if role is not None]
        return _("Rights"), self._role_names(present), self._role_names(given)

    def _role_names(self, roles: list[Role]) -> str:
        return ", ".join(sorted(str(role) for role in roles)) or str(Level.FORBIDDEN.label)


def _has(role_ids: list[int]) -> ColumnElement[bool]:
    """Return the condition that a contact's user has one of some roles."""
    return exists().where(_link.user_id == Contact.user_id, _link.role_id.in_(role_ids))


def _ids(user: Any, concerned: set[int]) -> list[int]:
    return sorted(role.id for role in user.roles if role.id in concerned)
