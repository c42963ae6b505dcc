"""Actions on the ticked rows of a list: a plug each, on every list of its model."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from flask_appbuilder.actions import ActionItem

from app.crud.screens import Screen
from app.registry import Plug
from app.security.areas import Area


class ListAction(Plug):
    """An action on many rows at once, offered on every list of ``model``.

    Its permission on each list's view has the name of the action, such as ``change_status``.
    """

    model: ClassVar[type]
    label: ClassVar[Any]
    icon: ClassVar[str] = "lightning"
    # The area whose level EDIT grants it; None is the area of the list.
    area: ClassVar[Area | None] = None
    order: ClassVar[int] = 50
    is_dangerous: ClassVar[bool] = False

    @classmethod
    def action_name(cls) -> str:
        """Return its name in addresses, permissions and on the command line."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def begin(cls, screen: Screen) -> Any:
        """Return the response to a list's form, which holds the ticked rows."""
        raise NotImplementedError

    @classmethod
    def item(cls) -> ActionItem:
        """Return the item for Flask-AppBuilder's list of actions; ``begin`` runs it."""
        return ActionItem(cls.action_name(), cls.label, None, cls.icon, True, False, None)


def get_list_actions(model: type) -> list[type[ListAction]]:
    """Return the actions on the rows of a model, in order."""
    actions = [action for action in ListAction.all() if issubclass(model, action.model)]
    return sorted(actions, key=lambda action: action.order)


def get_action(name: str) -> type[ListAction] | None:
    """Return the action with a name, or None if there is none."""
    return next((action for action in ListAction.all() if action.action_name() == name), None)
