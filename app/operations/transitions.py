"""The collective action of each transition."""

from __future__ import annotations

from collections.abc import Sequence
from types import new_class
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from app.crud.actions import ActionSource, ListAction
from app.operations.actionbase import Action, ActionForm
from app.operations.batch import Batch
from app.states.transitions import Transition


class TransitionAction(Action, abstract=True):
    """Move the rows of a selection to another state."""

    transition: ClassVar[type[Transition]]
    unchanged_label = _l("Already in this state")
    unchanged_outcome = _l("Was already in this state")

    @classmethod
    def action_name(cls) -> str:
        return cls.transition.action_name()

    @classmethod
    def permission_label(cls) -> str:
        return str(cls.label)

    @classmethod
    def button_text(cls, rows: str) -> str:
        return f"{cls.label}: {rows}"

    def apply(self, batch: Batch) -> None:
        batch.move(self.transition(self.actor, self.answers))


class TransitionActions(ActionSource):
    """An action for each transition."""

    @classmethod
    def actions(cls) -> Sequence[type[ListAction]]:
        return [_action_of(kind) for kind in Transition.all()]


def _action_of(kind: type[Transition]) -> type[TransitionAction]:
    """Return the collective action of a transition, made once."""
    if "list_action" not in vars(kind):
        copied = ("model", "label", "icon", "area", "order", "is_dangerous", "help")
        attributes: dict[str, Any] = {name: getattr(kind, name) for name in copied}
        attributes |= {
            "transition": kind,
            "Form": kind.Form or ActionForm,
            "__doc__": kind.__doc__,
            "__module__": kind.__module__,
        }
        made = new_class(
            kind.__name__, (TransitionAction,), {"abstract": True},
            lambda body: body.update(attributes),
        )  # fmt: skip
        kind.list_action = made  # type: ignore[attr-defined]
    return vars(kind)["list_action"]
