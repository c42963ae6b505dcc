"""Base classes of the pages: their place in the menu and the permissions they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import flask_appbuilder as fab
from flask import current_app

from app.crud.fabnames import IGNORED_BY_PAGE, refuse_ignored_names
from app.registry import Plug
from app.security.areas import Area, Level
from app.security.rights import has_permission
from app.security.roles import Grant


class PageMeta:
    """Menu entry and access level of a page."""

    # None for a page without a menu entry.
    label: ClassVar[Any] = None
    icon: ClassVar[str] = ""
    category: ClassVar[str] = ""
    in_menu: ClassVar[bool] = True
    order: ClassVar[int] = 100
    area: ClassVar[Area | None] = None
    # Whether only administrators may open it, whatever roles others have.
    for_administrators: ClassVar[bool] = False
    # Whether it shows people's data, which a limited administrator may not see.
    is_personal: ClassVar[bool] = True
    # What Flask-AppBuilder itself calls it, if it refers to it: index, auth or user.
    fab_name: ClassVar[str] = ""
    # Permissions that need the level READ; all others need EDIT.
    read_permissions: ClassVar[frozenset[str]] = frozenset({"can_list", "can_show"})

    base_permissions: Any
    class_permission_name: Any

    def grants(self) -> Iterator[Grant]:
        """Yield a grant for each permission of this page."""
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
    """A link in the Actions menu of a list, for users with a permission on its view."""

    label: Any
    url: str
    icon: str
    permission: str
    # Whether the query string of the list is appended.
    keeps_query: bool = True
    # The label where it does not stand beside the list.
    full_label: Any = ""


class Page(PageMeta, Plug, fab.BaseView):
    """A page that is not generated from a model. Subclassing registers it."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        refuse_ignored_names(cls, Page, IGNORED_BY_PAGE)
        super().__init_subclass__(**kwargs)


def menu_groups() -> list[tuple[Any, list[Any]]]:
    """Return (category, items) of the menu entries the user may open."""
    groups = []
    for group in current_app.appbuilder.menu.get_list():
        items = [item for item in group.childs if has_permission("menu_access", item.name)]
        if items:
            groups.append((group, items))
    return groups
