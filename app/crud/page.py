"""Pages of the back-office that are not over a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import flask_appbuilder as fab
from flask import current_app

from app.registry import Plug
from app.security.areas import Area, Level
from app.security.rights import holds
from app.security.roles import Grant


class Place:
    """Where a page stands in the menu."""

    # None is for a page the menu does not show.
    label: ClassVar[Any] = None
    icon: ClassVar[str] = ""
    category: ClassVar[str] = ""
    in_menu: ClassVar[bool] = True
    order: ClassVar[int] = 100
    area: ClassVar[Area | None] = None
    # Only administrators open it, whatever roles others are given.
    for_administrators: ClassVar[bool] = False
    # Whether people's data is seen here: a limited administrator sees none.
    is_personal: ClassVar[bool] = True
    # What it takes only the right to read; everything else takes the right to edit.
    read_permissions: ClassVar[frozenset[str]] = frozenset({"can_list", "can_show"})

    base_permissions: Any
    class_permission_name: Any

    def grants(self) -> Iterator[Grant]:
        """Yield what it takes to use this page."""
        for permission in self.base_permissions or ():
            reads = permission in self.read_permissions
            level = Level.READ if reads else Level.EDIT
            yield self._grant(level, permission, self.class_permission_name)
        if self.label is not None and self.in_menu:
            yield self._grant(Level.READ, "menu_access", type(self).__name__)

    def _grant(self, level: Level, permission: str, resource: Any) -> Grant:
        if self.for_administrators:
            level = Level.ADMIN
        return Grant(self.area, level, permission, resource, self.is_personal)


@dataclass(frozen=True)
class ListLink:
    """A link among the Actions of a list, for whoever holds a permission on the list's view."""

    label: Any
    url: str
    icon: str
    permission: str
    # Whether the list's filters go with it.
    keeps_query: bool = True


class Page(Place, Plug, fab.BaseView):
    """A page with routes of its own."""


def menu_groups() -> list[tuple[Any, list[Any]]]:
    """Return (group, items) of everything in the menu the signed-in user may open."""
    groups = []
    for group in current_app.appbuilder.menu.get_list():
        items = [item for item in group.childs if holds("menu_access", item.name)]
        if items:
            groups.append((group, items))
    return groups
