"""Find the screens of the program: the views with pages over a model, by model or by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from flask import current_app

from app.crud.basepage import ListLink
from app.crud.interface import ScopedInterface
from app.crud.table import Table
from app.i18n.counted import Counted
from app.menu import CATEGORIES
from app.security.areas import Area

View = TypeVar("View")


class Screen(Protocol):
    """What the rest of the program may ask of a view with pages over a model.

    ``key`` names it in the database, for saved views, preferences and operations: it stays the
    same when the class or the address changes. ``is_trash`` says that its rows are in the trash.
    """

    @property
    def key(self) -> str: ...
    @property
    def table(self) -> Table: ...
    @property
    def datamodel(self) -> ScopedInterface: ...
    @property
    def label(self) -> Any: ...
    @property
    def singular(self) -> Any: ...
    @property
    def add_title(self) -> Any: ...
    @property
    def icon(self) -> str: ...
    @property
    def face_icon(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def order(self) -> int: ...
    @property
    def area(self) -> Area | None: ...
    @property
    def is_personal(self) -> bool: ...
    @property
    def is_trash(self) -> bool: ...
    @property
    def in_new_menu(self) -> bool: ...
    @property
    def new_icon(self) -> str: ...
    @property
    def route_base(self) -> str: ...
    @property
    def class_permission_name(self) -> str: ...
    @property
    def add_columns(self) -> Sequence[str]: ...
    @property
    def counted(self) -> Counted: ...
    @property
    def call_columns(self) -> Sequence[str]: ...
    @property
    def list_links(self) -> Sequence[ListLink]: ...
    @property
    def collective(self) -> Mapping[str, type[Any]]:
        """Return the collective actions of the list, by name."""

    def can(self, permission: str) -> bool:
        """Return True if the user has a permission, such as can_list."""

    def can_run_action(self, name: str) -> bool:
        """Return True if the user may run an action of the list."""


def registered(kind: type[View]) -> list[View]:
    """Return the registered views and APIs of a class, in order of registration."""
    views = current_app.appbuilder.baseviews  # type: ignore[attr-defined]
    return [view for view in views if isinstance(view, kind)]


def registered_view(kind: type[View]) -> View:
    """Return the registered view of exactly this class."""
    return next(view for view in registered(kind) if type(view) is kind)


def screens() -> list[Screen]:
    """Return every screen, those of the trash included, in order of registration."""
    views: list[Any] = registered(object)
    return [view for view in views if isinstance(getattr(view, "table", None), Table)]


def find_screen(model: type) -> Screen | None:
    """Return the screen over the rows of a model that are not in the trash, or None."""
    known = current_app.extensions.setdefault("screens", {})
    key = (model, count_views())
    if key not in known:
        found = [one for one in screens() if one.table.model is model and not one.is_trash]
        # A screen over all rows comes before those over a part of them.
        known[key] = min(found, key=lambda one: one.datamodel.condition is not None, default=None)
    return known[key]


def screen_of(model: type) -> Screen:
    """Return the screen over the rows of a model that are not in the trash; LookupError if none."""
    screen = find_screen(model)
    if screen is None:
        raise LookupError(f"{model.__name__} has no screen")
    return screen


def screen_named(key: str) -> Screen | None:
    """Return the screen with a key, or None if the program has none any more."""
    return next((screen for screen in screens() if screen.key == key), None)


def may(permission: str, model: type) -> bool:
    """Return True if the user has a permission, such as can_edit, on the screen of a model."""
    return screen_of(model).can(permission)


def may_list_users() -> bool:
    """Return True if the user may list users, and so read who changed something."""
    return may("can_list", current_app.appbuilder.sm.user_model)  # type: ignore[attr-defined]


def show_url(row: Any) -> str:
    """Return the address of a row's page; empty without a page, or without the permission."""
    screen = find_screen(type(row))
    return f"{screen.route_base}/show/{row.id}" if screen and screen.can("can_show") else ""


def menu_order(screen: Screen) -> tuple[int, int]:
    """Return the place of a screen in the menu, to sort by: its category's, then its own."""
    names = [name for name, _label, _icon in CATEGORIES]
    place = names.index(screen.category) if screen.category in names else len(names)
    return place, screen.order


def new_screens() -> list[Screen]:
    """Return the screens that the menu *New* leads to, in the order of the menu."""
    shown = [screen for screen in screens() if screen.in_new_menu and screen.can("can_add")]
    return sorted(shown, key=menu_order)


def count_views() -> int:
    """Return how many views are registered; after the start, tests alone register more."""
    return len(current_app.appbuilder.baseviews)  # type: ignore[attr-defined]
