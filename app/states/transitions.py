"""Transitions: the ways in which the rows of a model go from one state to another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_
from sqlalchemy.orm import Session

from app.log.events import EventLabels
from app.log.models import LogEntry
from app.registry import Plug
from app.security.actor import Actor
from app.security.areas import Area
from app.states.conditions import Reason
from app.states.stateful import Stateful

# Of the name of a transition: the log stores it as the event of an entry.
MAX_NAME_LENGTH: int = LogEntry.event.type.length  # type: ignore[attr-defined]
# The event of the log when a transition is undone.
UNDONE_EVENT = "transition_undone"


class Transition(Plug):
    """A change of state (a plug). Subclass it in a room's ``transitions.py``.

    It is a button on the page of a row, an address of the API, a collective action with preview
    and undo, a permission and an event of the log. It may change a locked row.
    """

    model: ClassVar[Any]
    label: ClassVar[Any]
    icon: ClassVar[str] = "arrow-right-circle"
    # The states it starts from, and the one it ends in.
    from_: ClassVar[tuple[str, ...]]
    to: ClassVar[str]
    # What the log says after the name of who did it, such as “closed this”.
    logged: ClassVar[Any] = _l("changed the state")
    # A sentence above its questions.
    help: ClassVar[Any] = ""
    # What it asks, a form class such as ``operations.actions.ActionForm``; None for nothing.
    Form: ClassVar[Any] = None
    # The area whose level EDIT grants it; None is the area of the list.
    area: ClassVar[Area | None] = None
    order: ClassVar[int] = 40
    is_dangerous: ClassVar[bool] = False
    # Why the collective action cannot be undone; empty if it can.
    why_not_undone: ClassVar[Any] = ""

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: Any) -> None:
        """Raise TypeError for states that the model does not have, and for a name too long."""
        super().__init_subclass__(abstract=abstract, **kwargs)
        if abstract:
            return
        if not issubclass(cls.model, Stateful) or not {*cls.from_, cls.to} <= set(
            cls.model.states
        ):
            raise TypeError(f"{cls.__name__} names a state that {cls.model.__name__} has not.")
        if len(cls.action_name()) > MAX_NAME_LENGTH:
            raise TypeError(f"{cls.action_name()} is longer than the log stores.")

    def __init__(self, actor: Actor, answers: SimpleNamespace | None = None) -> None:
        self.actor = actor
        # The valid answers of the form, by field.
        self.answers = answers or SimpleNamespace()

    @classmethod
    def transition_name(cls) -> str:
        """Return its name in addresses, such as ``close``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def action_name(cls) -> str:
        """Return the name of its permission, its collective action and its event in the log."""
        return f"{cls.transition_name().replace('-', '_')}_{cls.model.__tablename__}"

    def check(self, row: Any) -> Sequence[Reason]:
        """Return conditions of the rows that it cannot move, each with the sentence that says why.

        The attributes of ``row`` are SQL expressions over the stored row.
        """
        return ()

    def values(self) -> dict[str, Any]:
        """Return the values of the columns that it sets besides the state, by attribute."""
        return {}

    def moved(self, session: Session, ids: Sequence[int]) -> None:
        """Do what else belongs to it, in the same transaction, for all rows just moved.

        Locked rows may be changed here. Undoing does not undo it: see ``why_not_undone``.
        """

    def new_values(self) -> dict[str, Any]:
        """Return the values of all columns that it sets, by attribute."""
        return {"state": self.to, **self.values()}

    @classmethod
    def starts_from(cls, model: Any) -> ColumnElement[bool]:
        """Return the condition that a row is in a state that the transition starts from."""
        return model.state.in_(cls.from_)

    def refusals(self, model: Any) -> list[Reason]:
        """Return ``check`` for the rows of a model that are in a state to start from."""
        return [
            (and_(self.starts_from(model), condition), message)
            for condition, message in self.check(model)
        ]


def transitions_of(model: type) -> list[type[Transition]]:
    """Return the transitions of a model and of those it inherits from, in order."""
    found = [kind for kind in Transition.all() if issubclass(model, kind.model)]
    return sorted(found, key=lambda kind: kind.order)


def find_transition(model: type, name: str) -> type[Transition] | None:
    """Return the transition of a model with a name, or None if there is none."""
    found = (kind for kind in transitions_of(model) if kind.transition_name() == name)
    return next(found, None)


def find_by_action_name(name: str) -> type[Transition] | None:
    """Return the transition whose collective action has a name, or None."""
    return next((kind for kind in Transition.all() if kind.action_name() == name), None)


class TransitionEvents(EventLabels):
    """What the log says of transitions."""

    @classmethod
    def labels(cls) -> dict[str, Any]:
        named = {kind.action_name(): kind.logged for kind in Transition.all()}
        return {UNDONE_EVENT: _l("undid a change of state"), **named}
