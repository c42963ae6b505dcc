"""Apply a batch to the rows of an operation, chunk by chunk."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    case,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.operations.batch import Batch
from app.operations.engine import NOW, ChunkedRun, main_verb
from app.operations.frozen import FrozenIds
from app.operations.models import LEFT_OUT, Operation, OperationReason
from app.operations.models import OperationItem as Item
from app.operations.sql import is_not_true
from app.operations.verbbase import Effect, Verb
from app.security.actor import Actor
from app.security.scope import not_trashed, scope_condition


class ApplyRun(ChunkedRun):
    """Apply the verbs of a batch."""

    done = "changed"
    gone = {"outcome": "skipped", "reason": "gone"}

    def __init__(self, session: Session, operation: Operation, batch: Batch, actor: Actor) -> None:
        super().__init__(session, operation, batch.model, batch.verbs, actor)
        self.batch = batch
        self.frozen = FrozenIds(session, operation.id)

    def next_ids(self, after: int, size: int) -> list[int]:
        return self.frozen.after(after, size)

    def outcome_statement(self) -> Any:
        values = self.item_values()
        before = values.pop("before")
        # With an offset the database decides once on each row, and not again for “before”.
        decided = (
            select(self.model.id, *(value.label(name) for name, value in values.items()))
            .add_columns(before.label("before"))
            .where(self.json.is_one_of(self.model.id))
            .order_by(self.model.id)
            .offset(0)
            .subquery()
        )
        columns = decided.c
        items = select(
            literal(self.operation_id),
            columns.id,
            *(columns[name] for name in values),
            case((columns.outcome == self.done, columns.before)),
        )
        names = ["operation_id", "row_id", *values, "before"]
        return insert(Item.__table__).from_select(names, items)

    def write_gone(self, ids: list[int]) -> None:
        rows = [{"operation_id": self.operation_id, "row_id": pk, **self.gone} for pk in ids]
        self.session.execute(insert(Item), rows)

    def logged_rows(self, entries: Select) -> Select:
        return entries.where(self.json.is_one_of(self.model.id))

    def item_values(self) -> dict[str, ColumnElement]:
        model = self.model
        # A row may have been trashed, or have left the actor's scope, since it was selected.
        trashed = (~not_trashed(model), "skipped", "gone")
        out_of_scope = (is_not_true(scope_condition(model, self.actor)), "refused", "reach")
        outcome, reason = self.batch.outcome_case((trashed, out_of_scope))
        return {"outcome": outcome, "reason": reason, "before": self._before()}

    def _before(self) -> ColumnElement:
        json = self.json
        parts = []
        for verb in self.verbs:
            kept = json.object(**{verb.key: json.array(*verb.before())})
            parts.append(self.when_changed(verb, kept, json.object()))
        return json.merge(parts)

    def event(self) -> str:
        return main_verb(self.verbs).event

    def effect(self, verb: Verb) -> Effect:
        return verb.effect(self.rows, self.json)

    def when_changed(
        self, verb: Verb, value: ColumnElement, otherwise: ColumnElement
    ) -> ColumnElement:
        if len(self.verbs) == 1:
            return value
        return case((verb.needs_change(), value), else_=otherwise)

    def update_statement(self) -> Executable:
        model = self.model
        values: dict[str, Any] = {}
        for verb in self.verbs:
            values |= self.effect(verb).values
        values |= {"version": model.version + 1, "updated_at": NOW}
        return update(model).where(self.json.is_one_of(model.id)).values(values)

    def after_change(self, verb: Verb, ids: list[int]) -> None:
        verb.changed(self.session, ids, self.actor)

    def count_reasons(self, ids: list[int], outcomes: dict[str, list[int]]) -> None:
        if any(outcomes.get(outcome) for outcome in LEFT_OUT):
            self._execute(self._reasons, chunk_first=ids[0], chunk_last=ids[-1])

    @cached_property
    def _reasons(self) -> Executable:
        by_reason = (Item.operation_id, Item.outcome, func.coalesce(Item.reason, ""))
        counts = select(*by_reason, func.count()).where(self.chunk, Item.outcome.in_(LEFT_OUT))
        table: Any = OperationReason.__table__
        statement = (pg_insert if self.json.is_postgres else sqlite_insert)(table).from_select(
            ["operation_id", "outcome", "reason", "count"], counts.group_by(*by_reason)
        )
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_={"count": table.c.count + statement.excluded.count},
        )

    def change_one_by_one(self, outcomes: dict[str, list[int]]) -> None:
        verb: Any = self.verbs[0]

        def change(row: Any, _before: Any) -> tuple[str, str]:
            before, old, new = verb.change(row)
            self.update_item(row.id, before={verb.key: before})
            return old, new

        def refuse(number: int, sentence: str) -> str:
            self.update_item(number, outcome="refused", reason=sentence, before=None)
            return "refused"

        self.change_each(outcomes, change, refuse)
