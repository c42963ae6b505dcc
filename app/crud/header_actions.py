"""Buttons in the header of a row's page, one plug each: write an e-mail, call, and those of rooms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from app.crud.screens import Screen, may
from app.fieldtypes import get_field_type
from app.registry import Plug


class HeaderAction(Plug):
    """Something to do with a row of ``model``: a link, or a form that is posted.

    It is shown where ``url`` returns an address.
    """

    model: ClassVar[type]
    label: ClassVar[Any]
    icon: ClassVar[str]
    order: ClassVar[int] = 50
    # What it takes to see it: a permission on the screen of a model.
    right: ClassVar[tuple[str, type] | None] = None
    # Whether it is an entry of the menu beside the buttons.
    in_menu: ClassVar[bool] = False
    # Whether the address is posted to; if so, whether that needs care, and the word for yes.
    is_post: ClassVar[bool] = False
    is_dangerous: ClassVar[bool] = False
    confirm_label: ClassVar[Any] = ""

    @classmethod
    def url(cls, row: Any, screen: Screen) -> str:
        """Return the address it leads to or is posted to; empty if it is not for this row."""
        raise NotImplementedError

    @classmethod
    def question(cls, row: Any) -> str:
        """Return what is asked before it is posted; empty for nothing."""
        return ""


def get_header_actions(row: Any, screen: Screen) -> list[tuple[type[HeaderAction], str]]:
    """Return the header actions for a row that the user may take, each with its address."""
    actions = [
        action
        for action in HeaderAction.all()
        if isinstance(row, action.model) and (action.right is None or may(*action.right))
    ]
    found = [
        (action, action.url(row, screen)) for action in sorted(actions, key=lambda a: a.order)
    ]
    return [(action, url) for action, url in found if url]


class WriteEmail(HeaderAction):
    """Write to the first e-mail of the row."""

    model = object
    label = _l("E-mail")
    icon = "envelope"
    order = 10

    @classmethod
    def url(cls, row: Any, screen: Screen) -> str:
        return next((f"mailto:{value}" for _name, value in filled(row, "email")), "")


class Call(HeaderAction):
    """Call the first telephone of the row: a mobile one, if the model says which that is."""

    model = object
    label = _l("Call")
    icon = "telephone"
    order = 20

    @classmethod
    def url(cls, row: Any, screen: Screen) -> str:
        numbers = dict(filled(row, "phone"))
        first = [numbers[name] for name in screen.call_columns if name in numbers]
        return next((f"tel:{value}" for value in [*first, *numbers.values()]), "")


def filled(row: Any, field_type: str) -> Iterator[tuple[str, str]]:
    """Yield the (name, value) of the filled columns of a row that have a field type."""
    for attribute in type(row).__mapper__.column_attrs:
        is_wanted = get_field_type(attribute.columns[0]).name == field_type
        if is_wanted and (value := getattr(row, attribute.key)):
            yield attribute.key, value
