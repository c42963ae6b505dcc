"""The rights of a role as people read them: by area and page, in words."""

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

from app.crud.actions import action_called
from app.crud.modelfields import ModelMultipleChoiceField
from app.extensions import db
from app.security.actor import current_actor
from app.security.areas import Area, Level
from app.security.privileges import PermissionSet, permissions_of_actor
from app.security.roles import LEVELS, Grant, area_permission
from app.staff.access import grantable

PERMISSION_LABELS = {
    "menu_access": _l("find it in the menu"),
    "can_list": _l("see the list"),
    "can_overview": _l("see the list"),
    "can_show": _l("open files"),
    "can_export": _l("export files"),
    "can_add": _l("add"),
    "can_edit": _l("change"),
    "can_delete": _l("delete"),
    "restore": _l("restore"),
    "can_import": _l("import files"),
    "can_empty": _l("empty the trash"),
    "can_see_all": _l("see those of colleagues"),
    "can_get": _l("read through the API"),
    "can_post": _l("add through the API"),
    "can_put": _l("change through the API"),
    "can_info": _l("read its description through the API"),
    "can_this_form_get": _l("open"),
    "can_this_form_post": _l("change"),
}
WHOLE_AREA_LABELS = {
    Level.READ: _l("Read all of this area, also what is added later"),
    Level.EDIT: _l("Change all of this area, also what is added later"),
}


@dataclass(frozen=True)
class Right:
    """One right: what it allows, its number, whether the role has it and the reader may give it."""

    label: Any
    id: int
    level: Level
    is_held: bool
    can_give: bool


@dataclass
class PageRights:
    """The rights on one page, or those that stand for the whole area."""

    label: Any
    rights: list[Right] = field(default_factory=list)

    @property
    def held(self) -> list[Right]:
        """Return the rights that the role has."""
        return [right for right in self.rights if right.is_held]


@dataclass
class AreaRights:
    """Everything that can be done in an area, page by page."""

    area: Area
    whole: PageRights
    pages: list[PageRights] = field(default_factory=list)

    @cached_property
    def rights(self) -> list[Right]:
        """Return every right of the area."""
        return [right for page in (self.whole, *self.pages) for right in page.rights]

    @cached_property
    def level(self) -> Level | None:
        """Return the level that the role's rights amount to, or None when they are between two."""
        held = {right.id for right in self.rights if right.is_held}
        for level in (Level.FORBIDDEN, *LEVELS):
            if held == {right.id for right in self.rights if right.level <= level}:
                return level
        return None

    def can_give(self, level: Level) -> bool:
        """Say whether the reader may tick everything a level means."""
        return all(right.can_give for right in self.rights if right.level <= level)

    @property
    def count(self) -> int:
        """Return how many rights of the area the role has."""
        return sum(right.is_held for right in self.rights)


def rights_by_area(held: Collection[int]) -> list[AreaRights]:
    """Return all that a role can carry; ``held`` names the rights that it does carry."""
    mine = permissions_of_actor(current_actor())
    order = {verb: number for number, verb in enumerate(PERMISSION_LABELS)}
    areas = {area: AreaRights(area, PageRights(_("The whole area"))) for area in Area}
    pages: dict[tuple[Area, str], PageRights] = {}
    known = permission_ids()
    for grant in sorted(
        grantable(), key=lambda g: (_page_order(g), order.get(g.permission, 99), g)
    ):
        number = known.get((grant.permission, grant.resource))
        area = areas[grant.area] if grant.area is not None else None
        if number is None or area is None:
            continue
        pair = (grant.permission, grant.resource)
        can_give = mine.includes(PermissionSet(frozenset([pair])))
        if pair == area_permission(area.area, grant.level):
            area.whole.rights.append(
                Right(
                    WHOLE_AREA_LABELS[grant.level], number, grant.level, number in held, can_give
                )
            )
            continue
        name = page_label(grant.resource)
        if (area.area, str(name)) not in pages:
            pages[area.area, str(name)] = PageRights(name)
            area.pages.append(pages[area.area, str(name)])
        pages[area.area, str(name)].rights.append(
            Right(
                permission_label(grant.permission), number, grant.level, number in held, can_give
            )
        )
    for area in areas.values():
        area.whole.rights.sort(key=lambda right: right.level)
    return list(areas.values())


def permission_ids() -> dict[tuple[str, str], int]:
    """Return the number of every right, by permission and resource."""
    if "rights_known" not in g:
        rights = db.session.scalars(select(PermissionView))
        g.rights_known = {(r.permission.name, r.view_menu.name): r.id for r in rights}
    return g.rights_known


def permission_label(permission: str) -> str:
    """Return what a permission allows, in words."""
    known = PERMISSION_LABELS.get(permission)
    if known is None and (action := action_called(permission)) is not None:
        return _("collective action: %(name)s", name=action.label)
    return str(known) if known else permission.removeprefix("can_").replace("_", " ")


def page_label(resource: str) -> str:
    """Return what people call the page that a right is on."""
    place = _pages_by_resource().get(resource)
    names = (getattr(place, name, None) for name in ("list_title", "label", "form_title"))
    return str(next((name for name in names if name), resource))


def right_label(right: PermissionView) -> str:
    """Write a right for people: the page, and what is done there."""
    permission, resource = right.permission.name, right.view_menu.name
    for area in Area:
        for level in LEVELS:
            if (permission, resource) == area_permission(area, level):
                return f"{area.label}: {WHOLE_AREA_LABELS[level]}"
    return f"{page_label(resource)}: {permission_label(permission)}"


# The log of a role names rights as its form does.
PermissionView.__str__ = right_label  # type: ignore[method-assign,assignment]


def _pages_by_resource() -> dict[str, Any]:
    if "rights_places" not in g:
        found: dict[str, Any] = {}
        # A page that borrows the rights of another is not what they are called after.
        places: Iterable[Any] = current_app.appbuilder.pages()  # type: ignore[attr-defined]
        for place in sorted(places, key=lambda p: p.label is None):
            found.setdefault(place.class_permission_name, place)
            found.setdefault(type(place).__name__, place)
        g.rights_places = found
    return g.rights_places


def _page_order(grant: Grant) -> tuple[int, str]:
    place = _pages_by_resource().get(grant.resource)
    return getattr(place, "order", 999), grant.resource


class RightsField(ModelMultipleChoiceField):
    """The rights of a role, ticked page by page."""

    template = "staff/rights_field.html"

    def areas(self) -> list[AreaRights]:
        """Return every area with its rights."""
        return rights_by_area(self.chosen_ids())

    def chosen_rows(self) -> list[Any]:
        """Return the rights that are ticked, of those that a role can carry."""
        known = permission_ids()
        offered = {known.get((g.permission, g.resource)) for g in grantable()}
        ids = self.chosen_ids() & offered
        if not ids:
            return []
        return list(db.session.scalars(select(PermissionView).where(PermissionView.id.in_(ids))))
