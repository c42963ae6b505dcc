"""Actions on the ticked rows of a list: a plug each, on every list of its model."""

from __future__ import annotations

import re
import types
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, Self

from flask_appbuilder.actions import ActionItem
from flask_babel import gettext as _

from app.crud.screens import Screen
from app.registry import Plug
from app.security.areas import Area


class ListAction(Plug):
    """An action on many rows at once, offered on every list of ``model``.

    ``model`` may be a mixin, such as Trashable: then every list of a model that inherits it
    offers the action. A subclass of the same name for one of these models replaces it there.
    Its permission on each list's view has the name of the action, such as ``change_status``.
    """

    model: ClassVar[Any]
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
    def permission_label(cls) -> str:
        """Return what the rights call its permission."""
        return _("Collective action: %(name)s", name=cls.label)

    @classmethod
    def begin(cls, screen: Screen) -> Any:
        """Return the response to a list's form, which holds the ticked rows."""
        raise NotImplementedError

    @classmethod
    def item(cls) -> ActionItem:
        """Return the item for Flask-AppBuilder's list of actions; ``begin`` runs it."""
        return ActionItem(cls.action_name(), cls.label, None, cls.icon, True, False, None)

    @classmethod
    def applies_to(cls, model: type) -> bool:
        """Return True if the lists of a model offer the action."""
        return issubclass(model, cls.model)

    @classmethod
    def on(cls, model: type) -> type[Self]:
        """Return the action on the rows of one model: a subclass, the same at every call."""
        action: Any = cls
        return cls if cls.model is model else _bind(action, model)


@cache
def _bind(action: Any, model: type) -> Any:
    """Return an unregistered subclass of an action, for one of its models."""
    names = {"__module__": action.__module__, "__doc__": action.__doc__, "model": model}
    return types.new_class(
        action.__name__, (action,), {"abstract": True}, lambda namespace: namespace.update(names)
    )


class ActionSource(Plug):
    """A source of actions that no room writes as classes, such as the changes of state (a plug)."""

    @classmethod
    def actions(cls) -> Sequence[type[ListAction]]:
        """Return the actions; the same classes each time."""
        raise NotImplementedError


def all_actions() -> list[type[ListAction]]:
    """Return every action of the program."""
    more = [action for source in ActionSource.all() for action in source.actions()]
    return [*ListAction.all(), *more]


def get_list_actions(model: type) -> list[type[ListAction]]:
    """Return the actions on the rows of a model, in order; TypeError if two have the same name."""
    found: dict[str, type[ListAction]] = {}
    for action in all_actions():
        if not action.applies_to(model):
            continue
        name = action.action_name()
        other = found.setdefault(name, action)
        if issubclass(action, other):
            found[name] = action
        elif not issubclass(other, action):
            raise TypeError(f"{model.__name__} has two actions called {name}")
    return sorted((action.on(model) for action in found.values()), key=lambda kind: kind.order)


def get_action(name: str, model: type | None = None) -> type[ListAction] | None:
    """Return the action of a model with a name, or of any model; None if there is none."""
    actions = all_actions() if model is None else get_list_actions(model)
    return next((action for action in actions if action.action_name() == name), None)
