"""Do to the rows of an operation what its batch describes, chunk by chunk."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, case, null, update
from sqlalchemy.orm import Session

from app.operations.batch import Batch
from app.operations.engine import MOMENT, Chunks, main_verb
from app.operations.models import Operation
from app.operations.sql import fails
from app.operations.verbs import Verb
from app.security.actor import Actor
from app.security.scope import alive, scope_of


class Run(Chunks):
    """Does what a batch describes."""

    done = "changed"
    gone = {"outcome": "skipped", "reason": "gone"}

    def __init__(self, session: Session, operation: Operation, batch: Batch, actor: Actor) -> None:
        super().__init__(session, operation, batch.model, batch.verbs, actor)
        self.batch = batch

    def verdict(self) -> dict[str, ColumnElement]:
        model = self.model
        # Meanwhile it may have been put away, or be no longer for this actor.
        away = (~alive(model), "skipped", "gone")
        beyond = (fails(scope_of(model, self.actor)), "refused", "reach")
        outcome, reason = self.batch.verdict((away, beyond))
        before = case((outcome == self.done, self._before()), else_=null())
        return {"outcome": outcome, "reason": reason, "before": before}

    def _before(self) -> ColumnElement:
        json = self.json
        return json.merged(
            [
                self.does(
                    verb, json.object(**{verb.key: json.array(verb.before())}), json.object()
                )
                for verb in self.verbs
            ]
        )

    def meets(self, verb: Verb) -> Select | None:
        return verb.met(self.rows)

    def event(self) -> str:
        return main_verb(self.verbs).event

    def tells(self, verb: Verb) -> dict[str, tuple[Any, Any]]:
        return verb.told(self.json)

    def does(self, verb: Verb, value: ColumnElement, otherwise: ColumnElement) -> ColumnElement:
        return value if len(self.verbs) == 1 else case((verb.changes(), value), else_=otherwise)

    def writes(self, verb: Verb) -> Executable | None:
        return verb.writes(self.rows)

    def changes(self) -> Executable:
        model = self.model
        values = {name: value for verb in self.verbs for name, value in verb.values().items()}
        values |= {"version": model.version + 1, "updated_at": MOMENT}
        return update(model).where(model.id.in_(self.rows)).values(values)

    def one_by_one(self, told: dict[int, str]) -> None:
        verb: Any = self.verbs[0]

        def change(row: Any, _before: Any) -> tuple[str, str]:
            before, old, new = verb.do(row)
            self.mark(row.id, before={verb.key: before})
            return old, new

        def refuse(number: int, sentence: str) -> None:
            self.mark(number, outcome="refused", reason=sentence, before=None)
            told[number] = "refused"

        self.each(told, change, refuse)
