"""What can be done to the ticked rows of a list: a plug each, on every list of its model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from flask_appbuilder.actions import ActionItem

from app.registry import Plug
from app.security.areas import Area

if TYPE_CHECKING:
    from app.crud.modelview import ModelView


class ListAction(Plug):
    """Something done to many rows at once, offered below every list of ``model``.

    Its permission, on each list's view, is called as the action is: ``change_status``.
    """

    model: ClassVar[type]
    label: ClassVar[Any]
    icon: ClassVar[str] = "lightning"
    # Whose right it takes; None is the area of the list.
    area: ClassVar[Area | None] = None
    order: ClassVar[int] = 50
    is_dangerous: ClassVar[bool] = False

    @classmethod
    def action_name(cls) -> str:
        """Return the name it has in addresses, permissions and on the command line."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def begin(cls, view: ModelView) -> Any:
        """Answer a list whose ticked rows, in the request's form, this was chosen for."""
        raise NotImplementedError

    @classmethod
    def item(cls, view: ModelView) -> ActionItem:
        """Return the action as Flask-AppBuilder knows actions."""
        return ActionItem(
            cls.action_name(),
            cls.label,
            None,
            cls.icon,
            True,
            False,
            lambda _rows: cls.begin(view),
        )


def get_list_actions(model: type) -> list[type[ListAction]]:
    """Return what can be done to the rows of a model, in order."""
    found = [action for action in ListAction.all() if issubclass(model, action.model)]
    return sorted(found, key=lambda action: action.order)


def action_called(name: str) -> type[ListAction] | None:
    """Return the action of a name, if there is one."""
    return next((action for action in ListAction.all() if action.action_name() == name), None)
