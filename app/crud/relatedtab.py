"""A tab that lists the rows of another screen that are linked to the row being shown."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import request
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import Select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.crud.filterbase import SEPARATOR
from app.crud.linkfilters import link_condition
from app.crud.modelview import ModelView
from app.crud.screens import Screen, registered_view
from app.crud.table import Table
from app.crud.tabs import Tab
from app.security.actor import current_actor

# The parameters of the address that belong to the list in the tab.
PARAMETERS = ("sort", "after", "before", "page")


class RelatedTab(Tab, abstract=True):
    """The rows of ``screen`` whose relation ``by`` leads to the row being shown.

    They are drawn as in the list of that screen, within its scope and for those who may open it.
    Whoever may add rows there finds a button whose form has the link filled in.
    """

    screen: ClassVar[type[ModelView]]
    by: ClassVar[str]
    # By default those that the user chose for the list of the screen, or its own.
    columns: ClassVar[tuple[str, ...]] = ()
    page_size: ClassVar[int] = 25
    empty_title: ClassVar[Any] = _l("Nothing here yet")
    template = "crud/tabs/related.html"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the name and the label of the screen, unless the tab has its own."""
        super().__init_subclass__(**kwargs)
        if screen := getattr(cls, "screen", None):
            if not hasattr(cls, "name"):
                cls.name = screen.route_base.strip("/").replace("/", "-")
            if not hasattr(cls, "label"):
                cls.label = screen.label

    @classmethod
    def is_allowed(cls) -> bool:
        return super().is_allowed() and registered_view(cls.screen).can("can_list")

    @classmethod
    def table(cls, row: Any) -> Table:
        """Return the list of the screen, of the rows that are linked to a row alone."""
        table = registered_view(cls.screen).table
        return table.where(link_condition(table.datamodel, cls.by, row.id))

    @classmethod
    def select_counted(cls, row: Any) -> Select[Any]:
        table = cls.table(row)
        return table.select_ids(table.read_state())

    @classmethod
    def content(cls, session: Session, row: Any, view: Any) -> dict[str, Any]:
        screen, table = registered_view(cls.screen), cls.table(row)
        chosen = (current_user.preferences or {}).get(screen.key, {}).get("cols")
        names = cls.columns or chosen or table.default_columns
        args = MultiDict(
            [(name, request.args[name]) for name in PARAMETERS if name in request.args]
        )
        # The column of the link would repeat the row being shown.
        shown = {"cols": [name for name in names if name != cls.by], "size": cls.page_size}
        state = table.read_state(args, shown).on_page(("tab", cls.name))
        can_add = screen.can("can_add") and cls.by in screen.add_columns and not view.is_trash
        return {
            "screen": screen,
            "page": table.load_page(state, current_actor()),
            "state": state,
            "list_url": cls.list_url(screen, row),
            "add_url": f"{screen.route_base}/add?{cls.by}={row.id}" if can_add else "",
        }

    @classmethod
    def list_url(cls, screen: Screen, row: Any) -> str:
        """Return the address of the screen's list, filtered by the link; empty without a filter."""
        is_filter = any(one.arg_name == "is" for one in screen.table.get_filters(cls.by))
        return f"{screen.route_base}/list/?{cls.by}{SEPARATOR}is={row.id}" if is_filter else ""
