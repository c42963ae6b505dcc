"""Access by area: what roles allow, and the form field that assigns them."""

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
    """The level of access in one area; ``roles`` names the roles it comes from."""

    area: Area
    level: Level
    is_whole: bool
    roles: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return the translated level, marked as partial if it is not the whole area."""
        if self.level is Level.FORBIDDEN or self.is_whole:
            return str(self.level.label)
        return _("%(level)s (partial)", level=self.level.label)


def grantable() -> list[Grant]:
    """Return all grants a custom role can have, ordered by area and page."""
    grants = {*current_app.appbuilder.grants(), *area_grants()}
    return sorted((g for g in grants if g.area is not None and g.level in LEVELS), key=str)


def used_areas() -> list[Area]:
    """Return the areas that have pages; the others are not offered."""
    used = {grant.area for grant in current_app.appbuilder.grants()}
    return [area for area in Area if area in used]


def access_by_area(
    roles: Sequence[Role], by_role: dict[int, PermissionSet] | None = None
) -> list[AreaAccess]:
    """Return the access that some roles give together, for each area."""
    by_role = permissions_by_role(roles) if by_role is None else by_role
    grants = grantable()
    result = []
    for area in used_areas():
        levels = {(g.permission, g.resource): g.level for g in grants if g.area is area}
        granted: set[tuple[str, str]] = set()
        names = []
        for role in roles:
            permissions = by_role[role.id]
            pairs = set(levels) if permissions.is_all else permissions.pairs & set(levels)
            if pairs:
                granted |= pairs
                names.append(str(role))
        level = max((levels[pair] for pair in granted), default=Level.FORBIDDEN)
        is_whole = granted >= {pair for pair, needed in levels.items() if needed <= level}
        result.append(AreaAccess(area, level, is_whole, tuple(names)))
    return result


def describe_role(role: Role, by_role: dict[int, PermissionSet]) -> str:
    """Describe a role in one translated line."""
    if role.name == ADMINISTRATOR:
        return _("Full access, including users and rights.")
    if role.name == LIMITED_ADMINISTRATOR:
        return _("Settings and roles, but no access to data.")
    if role.name == PUBLIC:
        return _("People who are not signed in. This role has no rights.")
    if seeded := area_role(role.name):
        _area, level = seeded
        if level is Level.READ:
            return _("Can view everything in this area.")
        return _("Can view and edit everything in this area.")
    parts = [
        f"{access.area.label}: {access.label}"
        for access in access_by_area([role], by_role)
        if access.level is not Level.FORBIDDEN
    ]
    return " · ".join(parts) or _("No rights yet.")


@dataclass(frozen=True)
class AreaChoice:
    """The levels to choose from in an area; ``sources`` names other chosen roles that add to it."""

    area: Area
    options: list[RoleChoice]
    sources: list[str]


@dataclass(frozen=True)
class RoleChoice:
    """An option of the roles field, and whether the current user may grant it."""

    id: Any
    label: str
    is_chosen: bool
    is_grantable: bool
    description: str = ""


class RolesField(ModelMultipleChoiceField):
    """A user's roles: a level for each area, and checkboxes for the other roles."""

    template = "staff/roles_field.html"

    def process(self, formdata: Any, *args: Any, **kwargs: Any) -> None:
        """Read the checkboxes and the level of each area, which have input names of their own."""
        super().process(formdata, *args, **kwargs)
        if formdata and self.name in formdata:
            names = (self.name, *(self.input_name(area) for area in Area))
            self.typed_ids = [v for name in names for v in formdata.getlist(name) if v]

    def input_name(self, area: Area) -> str:
        """Return the name of the input of an area's level."""
        return f"{self.name}-{area.value}"

    def choices(self) -> tuple[list[AreaChoice], list[RoleChoice], list[int]]:
        """Return the options of each used area, all other roles, and chosen ids without option."""
        roles = list(db.session.scalars(select(Role).order_by(Role.name)))
        by_role, own = permissions_by_role(roles), permissions_of_actor(current_actor())
        by_name, chosen = {role.name: role for role in roles}, self.chosen_ids()
        areas, used = [], used_areas()
        added = [r for r in roles if r.id in chosen and area_role(r.name) is None]
        sources = {access.area: access.roles for access in access_by_area(added, by_role)}
        for area in used:
            levels = [by_name[role_name(area, level)] for level in LEVELS]
            # If both levels are assigned, show the higher one.
            top = next((role.id for role in reversed(levels) if role.id in chosen), "")
            options = [RoleChoice("", str(Level.FORBIDDEN.label), top == "", True)]
            options += [
                RoleChoice(
                    role.id, str(level.label), top == role.id, own.includes(by_role[role.id])
                )
                for role, level in zip(levels, LEVELS, strict=True)
            ]
            areas.append(AreaChoice(area, options, list(sources[area])))
        others = [
            RoleChoice(
                role.id,
                str(role),
                role.id in chosen,
                own.includes(by_role[role.id]),
                describe_role(role, by_role),
            )
            for role in _administrators_first(roles)
            if role.name != PUBLIC and area_role(role.name) is None
        ]
        hidden = [role.id for role in roles if role.id in chosen and _is_unused(role, used)]
        return areas, others, hidden


def _is_unused(role: Role, used: list[Area]) -> bool:
    seeded = area_role(role.name)
    return seeded is not None and seeded[0] not in used


def _administrators_first(roles: Iterable[Role]) -> list[Role]:
    order = {ADMINISTRATOR: 0, LIMITED_ADMINISTRATOR: 1}
    return sorted(roles, key=lambda role: (order.get(role.name, 2), role.name.casefold()))
