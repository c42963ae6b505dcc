"""The mixin of rows that have a state, such as draft or closed, which only transitions change."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import String
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

MAX_STATE_LENGTH = 24
STATE_NOT_EDITED = _l("The state can’t be edited. Use the actions that change it.")


class Stateful:
    """Mixin: the row has a state, one of ``states``; a new row has the state ``initial``.

    Lists show, filter and sort it like a choice. No form, API, import, restored value or ``Set``
    changes it, and a flush that does is refused: see ``states.transitions.Transition``.
    """

    # Code → label.
    states: ClassVar[dict[str, Any]]
    initial: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Raise TypeError if a new row would have a state that does not exist, or is not stored."""
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "states") and (
            cls.initial not in cls.states or max(map(len, cls.states)) > MAX_STATE_LENGTH
        ):
            raise TypeError(f"{cls.__name__}: check the states and the initial one.")

    @declared_attr
    @classmethod
    def state(cls) -> Mapped[str]:
        """Return the column of the state's code."""
        info = {"kind": "choice", "choices": cls.states, "label": _l("State")}
        return mapped_column(String(MAX_STATE_LENGTH), default=cls.initial, info=info)

    @property
    def state_label(self) -> str:
        """Return the state for people."""
        return str(self.states.get(self.state, self.state))
