"""Give the rows of an operation back what they had before it, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, and_, case, literal, null, true, update
from sqlalchemy.orm import Session

from app.operations.engine import MOMENT, Chunks, main_verb
from app.operations.models import Operation
from app.operations.models import OperationItem as Item
from app.operations.sql import fails
from app.operations.verbs import Verb
from app.security.actor import Actor
from app.security.scope import scope_of


class Undo(Chunks):
    """Gives rows back what they had before an operation, unless they were changed since."""

    done = "undone"
    gone = {"undone": "kept", "undone_reason": "gone"}
    wanted = Item.outcome == "changed"

    def __init__(
        self,
        session: Session,
        operation: Operation,
        verbs: list[Verb],
        put_back: Callable[[Session, Any, Any], tuple[str, str]],
        model: Any,
        actor: Actor,
    ) -> None:
        super().__init__(session, operation, model, verbs, actor)
        self.put_back = put_back

    def verdict(self) -> dict[str, ColumnElement]:
        model = self.model
        kept: list[tuple[Any, str]] = [(fails(scope_of(model, self.actor)), "reach")]
        is_back = main_verb(self.verbs).event_back == "restored"
        if hasattr(model, "trashed_at") and not is_back:
            kept.insert(0, (model.trashed_at.is_not(None), "gone"))
        for verb in self.verbs:
            mine = self._is_mine(verb)
            there = verb.restorable(self._before_of(verb), self._is_there)
            kept.append((and_(mine, fails(verb.still())), "since"))
            kept.append((and_(mine, fails(there)), "vanished"))
        outcome = case(*((where, literal("kept")) for where, _r in kept), else_=self.done)
        reason = case(*((where, literal(why)) for where, why in kept), else_=null())
        return {"undone": outcome, "undone_reason": reason}

    def _is_there(self, model: Any) -> ColumnElement[bool]:
        """Return the condition that what rows were linked to is still there, and within reach."""
        return scope_of(model, self.actor)

    def _is_mine(self, verb: Verb) -> ColumnElement[bool]:
        """Return the condition that this verb changed the row."""
        return true() if len(self.verbs) == 1 else self.json.has(Item.before, verb.key)

    def _before_of(self, verb: Verb) -> Callable[[Any], ColumnElement]:
        return lambda type_: self.json.value(Item.before, verb.key, type_)

    def meets(self, verb: Verb) -> Select | None:
        return verb.met_back(self.rows, self._before_of(verb), self.chosen)

    def event(self) -> str:
        return main_verb(self.verbs).event_back

    def tells(self, verb: Verb) -> dict[str, tuple[Any, Any]]:
        return verb.told_back(self.json, self._before_of(verb))

    def does(self, verb: Verb, value: ColumnElement, otherwise: ColumnElement) -> ColumnElement:
        return (
            value if len(self.verbs) == 1 else case((self._is_mine(verb), value), else_=otherwise)
        )

    def writes(self, verb: Verb) -> Executable | None:
        return verb.writes_back(self.rows)

    def changes(self) -> Executable:
        model = self.model
        values = {
            name: self.does(verb, value, getattr(model, name))
            for verb in self.verbs
            for name, value in verb.values_back(self._before_of(verb)).items()
        }
        values |= {"version": model.version + 1, "updated_at": MOMENT}
        return update(model).where(self.chosen, Item.row_id == model.id).values(values)

    def one_by_one(self, told: dict[int, str]) -> None:
        def change(row: Any, before: Any) -> tuple[str, str]:
            return self.put_back(self.session, row, before["each"])

        def refuse(number: int, sentence: str) -> None:
            self.mark(number, undone="kept", undone_reason=sentence)
            told[number] = "kept"

        self.each(told, change, refuse)
