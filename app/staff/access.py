"""What roles let somebody do, area by area and in words, and which of them a reader may give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask_appbuilder.security.sqla.models import Role
from flask_babel import gettext as _
from sqlalchemy import select

from app.crud.modelfields import ModelMultipleChoiceField
from app.extensions import db
from app.security.actor import current_actor
from app.security.areas import Area, Level
from app.security.privileges import PermissionSet, permissions_by_role, permissions_of_actor
from app.security.rights import ADMINISTRATOR
from app.security.roles import (
    LEVELS,
    LIMITED_ADMINISTRATOR,
    PUBLIC,
    Grant,
    area_grants,
    area_role,
    role_name,
)


@dataclass(frozen=True)
class AreaAccess:
    """How far somebody may go in one area; ``through`` names the roles it comes from."""

    area: Area
    level: Level
    is_whole: bool
    through: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return the level in words."""
        if self.level is Level.FORBIDDEN or self.is_whole:
            return str(self.level.label)
        return _("%(level)s, in part", level=self.level.label)


def grantable() -> list[Grant]:
    """Return everything that a role can carry, in the order of areas and pages."""
    grants = {*current_app.appbuilder.grants(), *area_grants()}
    return sorted((g for g in grants if g.area is not None and g.level in LEVELS), key=str)


def access_by_area(
    roles: Sequence[Role], carried: dict[int, PermissionSet] | None = None
) -> list[AreaAccess]:
    """Return what some roles give together, for each area."""
    carried = permissions_by_role(roles) if carried is None else carried
    grants = grantable()
    found = []
    for area in Area:
        rights = {(g.permission, g.resource): g.level for g in grants if g.area is area}
        held: set[tuple[str, str]] = set()
        through = []
        for role in roles:
            mine = carried[role.id]
            pairs = set(rights) if mine.is_all else mine.pairs & set(rights)
            if pairs:
                held |= pairs
                through.append(str(role))
        level = max((rights[pair] for pair in held), default=Level.FORBIDDEN)
        is_whole = held >= {pair for pair, needed in rights.items() if needed <= level}
        found.append(AreaAccess(area, level, is_whole, tuple(through)))
    return found


def describe_role(role: Role, carried: dict[int, PermissionSet]) -> str:
    """Describe a role in one line."""
    if role.name == ADMINISTRATOR:
        return _("Everything, everywhere, other people's rights included.")
    if role.name == LIMITED_ADMINISTRATOR:
        return _("Settings and roles, without seeing anybody's data.")
    if role.name == PUBLIC:
        return _("Whoever is not signed in; it carries no rights.")
    if seeded := area_role(role.name):
        _area, level = seeded
        if level is Level.READ:
            return _("Reads everything in this area.")
        return _("Reads and changes everything in this area.")
    parts = [
        f"{access.area.label}: {access.words}"
        for access in access_by_area([role], carried)
        if access.level is not Level.FORBIDDEN
    ]
    return " · ".join(parts) or _("No rights yet.")


@dataclass(frozen=True)
class RoleChoice:
    """A role that can be ticked, or why it cannot."""

    id: Any
    label: str
    is_chosen: bool
    can_give: bool
    words: str = ""


class RolesField(ModelMultipleChoiceField):
    """Somebody's roles: a level for each area, and the other roles as ticks."""

    template = "staff/roles_field.html"

    def process(self, formdata: Any, *args: Any, **kwargs: Any) -> None:
        """Take the ticks and the level chosen for each area, which come under names of their own."""
        super().process(formdata, *args, **kwargs)
        if formdata and self.name in formdata:
            names = (self.name, *(self.input_name(area) for area in Area))
            self.typed_ids = [v for name in names for v in formdata.getlist(name) if v]

    def input_name(self, area: Area) -> str:
        """Return the name under which an area's level is sent."""
        return f"{self.name}-{area.value}"

    def choices(self) -> tuple[list[tuple[Area, list[RoleChoice]]], list[RoleChoice]]:
        """Return the levels of each area, and all other roles."""
        roles = list(db.session.scalars(select(Role).order_by(Role.name)))
        carried, mine = permissions_by_role(roles), permissions_of_actor(current_actor())
        by_name, chosen = {role.name: role for role in roles}, self.chosen_ids()
        areas = []
        for area in Area:
            levels = [by_name[role_name(area, level)] for level in LEVELS]
            # Whoever has both levels has the higher one.
            top = next((role.id for role in reversed(levels) if role.id in chosen), "")
            options = [RoleChoice("", str(Level.FORBIDDEN.label), top == "", True)]
            options += [
                RoleChoice(
                    role.id, str(level.label), top == role.id, mine.includes(carried[role.id])
                )
                for role, level in zip(levels, LEVELS, strict=True)
            ]
            areas.append((area, options))
        others = [
            RoleChoice(
                role.id,
                str(role),
                role.id in chosen,
                mine.includes(carried[role.id]),
                describe_role(role, carried),
            )
            for role in _administrators_first(roles)
            if role.name != PUBLIC and area_role(role.name) is None
        ]
        return areas, others


def _administrators_first(roles: Iterable[Role]) -> list[Role]:
    order = {ADMINISTRATOR: 0, LIMITED_ADMINISTRATOR: 1}
    return sorted(roles, key=lambda role: (order.get(role.name, 2), role.name.casefold()))
