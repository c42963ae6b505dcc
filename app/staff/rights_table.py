"""The permissions of a role as the form shows them: by area and page, translated."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flask import current_app, g
from flask_appbuilder.security.sqla.models import PermissionView
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.crud.actions import get_action
from app.crud.modelfields import ModelMultipleChoiceField
from app.extensions import db
from app.security.actor import current_actor
from app.security.areas import Area, Level
from app.security.privileges import PermissionSet, permissions_of_actor
from app.security.roles import LEVELS, Grant, area_permission
from app.staff.access import grantable

PERMISSION_LABELS = {
    "menu_access": _l("Show in menu"),
    "can_list": _l("View list"),
    "can_overview": _l("View list"),
    "can_show": _l("View"),
    "can_export": _l("Export"),
    "can_add": _l("Add"),
    "can_edit": _l("Edit"),
    "can_delete": _l("Delete"),
    "restore": _l("Restore"),
    "can_import": _l("Import"),
    "can_empty": _l("Empty trash"),
    "can_see_all": _l("View other users’ processes"),
    "can_get": _l("View through the API"),
    "can_post": _l("Add through the API"),
    "can_put": _l("Edit through the API"),
    "can_info": _l("View the API description"),
    "can_this_form_get": _l("Open"),
    "can_this_form_post": _l("Edit"),
}
WHOLE_AREA_LABELS = {
    Level.READ: _l("View everything here, including future features"),
    Level.EDIT: _l("Edit everything here, including future features"),
}


@dataclass(frozen=True)
class Right:
    """One permission, whether the role has it, and whether the current user may grant it."""

    label: Any
    id: int
    level: Level
    is_held: bool
    is_grantable: bool


@dataclass
class PageRights:
    """The permissions on one page, or those on the whole area."""

    label: Any
    rights: list[Right] = field(default_factory=list)

    @property
    def held(self) -> list[Right]:
        """Return the permissions that the role has."""
        return [right for right in self.rights if right.is_held]


@dataclass
class AreaRights:
    """All permissions of an area, page by page."""

    area: Area
    whole: PageRights
    pages: list[PageRights] = field(default_factory=list)

    @cached_property
    def rights(self) -> list[Right]:
        """Return every permission of the area."""
        return [right for page in (self.whole, *self.pages) for right in page.rights]

    @cached_property
    def level(self) -> Level | None:
        """Return the level that equals the role's permissions; None if they equal none."""
        held = {right.id for right in self.rights if right.is_held}
        for level in (Level.FORBIDDEN, *LEVELS):
            if held == {right.id for right in self.rights if right.level <= level}:
                return level
        return None

    def is_grantable(self, level: Level) -> bool:
        """Return True if the current user may grant all permissions of a level."""
        return all(right.is_grantable for right in self.rights if right.level <= level)

    @property
    def count(self) -> int:
        """Return how many permissions of the area the role has."""
        return sum(right.is_held for right in self.rights)


def rights_by_area(held_ids: Collection[int]) -> list[AreaRights]:
    """Return all grantable permissions; ``held_ids`` are the ids of those that the role has."""
    own = permissions_of_actor(current_actor())
    order = {verb: number for number, verb in enumerate(PERMISSION_LABELS)}
    areas = {area: AreaRights(area, PageRights(_("Whole area"))) for area in Area}
    pages: dict[tuple[Area, str], PageRights] = {}
    ids = permission_ids()
    for grant in sorted(
        grantable(), key=lambda g: (_page_order(g), order.get(g.permission, 99), g)
    ):
        pair = (grant.permission, grant.resource)
        pk = ids.get(pair)
        area = areas[grant.area] if grant.area is not None else None
        if pk is None or area is None:
            continue
        is_grantable = own.includes(PermissionSet(frozenset([pair])))
        is_held = pk in held_ids
        if pair == area_permission(area.area, grant.level):
            label = WHOLE_AREA_LABELS[grant.level]
            area.whole.rights.append(Right(label, pk, grant.level, is_held, is_grantable))
            continue
        name = page_label(grant.resource)
        if (area.area, str(name)) not in pages:
            pages[area.area, str(name)] = PageRights(name)
            area.pages.append(pages[area.area, str(name)])
        label = permission_label(grant.permission)
        right = Right(label, pk, grant.level, is_held, is_grantable)
        pages[area.area, str(name)].rights.append(right)
    for area in areas.values():
        area.whole.rights.sort(key=lambda right: right.level)
    return [area for area in areas.values() if area.pages]


def permission_ids() -> dict[tuple[str, str], int]:
    """Return the id of every permission by (permission, resource)."""
    if "permission_ids" not in g:
        rights = db.session.scalars(select(PermissionView))
        g.permission_ids = {(r.permission.name, r.view_menu.name): r.id for r in rights}
    return g.permission_ids


def permission_label(permission: str) -> str:
    """Return the translated label of a permission."""
    known = PERMISSION_LABELS.get(permission)
    if known is None and (action := get_action(permission)) is not None:
        return action.permission_label()
    return str(known) if known else permission.removeprefix("can_").replace("_", " ")


def page_label(resource: str) -> str:
    """Return the translated name of the page of a resource."""
    page = _pages_by_resource().get(resource)
    names = (getattr(page, name, None) for name in ("list_title", "label", "form_title"))
    return str(next((name for name in names if name), resource))


def right_label(right: PermissionView) -> str:
    """Return the translated label of a permission on a page."""
    permission, resource = right.permission.name, right.view_menu.name
    for area in Area:
        for level in LEVELS:
            if (permission, resource) == area_permission(area, level):
                return f"{area.label}: {WHOLE_AREA_LABELS[level]}"
    return f"{page_label(resource)}: {permission_label(permission)}"


# The log of a role shows permissions with these labels.
PermissionView.__str__ = right_label  # type: ignore[method-assign,assignment]


def _pages_by_resource() -> dict[str, Any]:
    if "rights_places" not in g:
        found: dict[str, Any] = {}
        # Pages that use another page's permissions have no label and come last.
        places: Iterable[Any] = current_app.appbuilder.pages()  # type: ignore[attr-defined]
        for place in sorted(places, key=lambda p: p.label is None):
            found.setdefault(place.class_permission_name, place)
            found.setdefault(type(place).__name__, place)
        g.rights_places = found
    return g.rights_places


def _page_order(grant: Grant) -> tuple[int, str]:
    page = _pages_by_resource().get(grant.resource)
    return getattr(page, "order", 999), grant.resource


class RightsField(ModelMultipleChoiceField):
    """The permissions of a role, as checkboxes by page."""

    template = "staff/rights_field.html"

    def areas(self) -> list[AreaRights]:
        """Return every area with its permissions."""
        return rights_by_area(self.chosen_ids())

    def hidden_ids(self) -> set[int]:
        """Return the chosen permissions of areas without pages, to be kept when saved."""
        offered = {right.id for area in self.areas() for right in area.rights}
        return self.chosen_ids() - offered

    def chosen_rows(self) -> list[Any]:
        """Return the chosen permissions, limited to those that a role can have."""
        by_pair = permission_ids()
        offered = {by_pair.get((g.permission, g.resource)) for g in grantable()}
        ids = self.chosen_ids() & offered
        if not ids:
            return []
        return list(db.session.scalars(select(PermissionView).where(PermissionView.id.in_(ids))))
