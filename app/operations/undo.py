"""Undo an operation: give its rows back what they had before, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    literal,
    null,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.visitors import iterate

from app.operations.engine import NOW, ChunkedRun, main_verb
from app.operations.models import Operation
from app.operations.models import OperationItem as Item
from app.operations.sql import is_not_true
from app.operations.verbbase import BeforeValue, Effect, Verb, moves_locked_rows
from app.security.actor import Actor
from app.security.scope import scope_condition
from app.states.locks import locks_of
from app.states.rules import broken_by


class UndoRun(ChunkedRun):
    """Undo the verbs of an operation; rows that were changed since stay as they are."""

    done = "undone"
    gone = {"undone": "kept", "undone_reason": "gone"}

    def __init__(
        self,
        session: Session,
        operation: Operation,
        verbs: list[Verb],
        undo_row: Callable[[Session, Any, Any], tuple[str, str]],
        model: Any,
        actor: Actor,
    ) -> None:
        super().__init__(session, operation, model, verbs, actor)
        self.undo_row = undo_row
        is_changed = Item.outcome == "changed"
        self.chunk, self.chosen = and_(self.chunk, is_changed), and_(self.chosen, is_changed)

    def next_ids(self, after: int, size: int) -> list[int]:
        return list(self._execute(self._next_ids, chunk_after=after, chunk_size=size).scalars())

    @cached_property
    def _next_ids(self) -> Executable:
        items = select(Item.row_id).where(
            Item.operation_id == self.operation_id,
            Item.row_id > bindparam("chunk_after", type_=Integer),
            Item.outcome == "changed",
        )
        return items.order_by(Item.row_id).limit(bindparam("chunk_size", type_=Integer))

    def outcome_statement(self) -> Any:
        items = update(Item).where(self.chunk, Item.row_id == self.model.id)
        return items.values(self.item_values())

    def write_gone(self, ids: list[int]) -> None:
        items = and_(Item.operation_id == self.operation_id, self.json.is_one_of(Item.row_id))
        statement = update(Item).where(items).values(self.gone)
        self._execute(statement, chunk_rows=self.json.id_list(ids))

    def logged_rows(self, entries: Select) -> Select:
        return entries.where(self._rows_of_chunk(*entries.selected_columns))

    def _rows_of_chunk(self, *values: Any) -> ColumnElement[bool]:
        """Return the condition on the changed rows of a chunk, for a statement with these values.

        Items are read only if a value comes from them. Both they and the rows are limited then:
        while the items are new PostgreSQL has no statistics of them, and might read those of the
        whole operation for each chunk. Even so it takes longer, looking through all ids for each.
        """
        of_chunk = self.json.is_one_of(self.model.id)
        if not any(_reads_items(value) for value in values):
            return of_chunk
        return and_(self.chosen, Item.row_id == self.model.id, of_chunk)

    def item_values(self) -> dict[str, ColumnElement]:
        model = self.model
        kept: list[tuple[Any, str]] = [(is_not_true(scope_condition(model, self.actor)), "reach")]
        restores = main_verb(self.verbs).undo_event == "restored"
        if hasattr(model, "trashed_at") and not restores:
            kept.insert(0, (model.trashed_at.is_not(None), "gone"))
        if not moves_locked_rows(self.verbs):
            kept += [(lock.condition, lock.code) for lock in locks_of(model, self.actor)]
        for verb in self.verbs:
            changed = self._is_changed_by(verb)
            can_restore = verb.can_restore(self._before_value(verb), self._is_available)
            kept.append((and_(changed, is_not_true(verb.is_unchanged())), "since"))
            kept.append((and_(changed, is_not_true(can_restore)), "vanished"))
            for where, why in verb.kept_reasons(self._before_value(verb), self.actor):
                kept.append((and_(changed, where), why))
        values: dict[str, Any] = {}
        for verb in self.verbs:
            before = verb.old_values(self._before_value(verb))
            values |= {
                name: self._value_if_changed(verb, name, value) for name, value in before.items()
            }
        kept += broken_by(model, values, self.actor)
        outcome = case(*((where, literal("kept")) for where, _r in kept), else_=self.done)
        reason = case(*((where, literal(why)) for where, why in kept), else_=null())
        return {"undone": outcome, "undone_reason": reason}

    def _value_if_changed(self, verb: Verb, name: str, value: Any) -> Any:
        if value is None:
            return None
        return self.when_changed(verb, value, getattr(self.model, name))

    def _is_available(self, model: Any) -> ColumnElement[bool]:
        """Return the condition that a row of a model exists and is in the actor's scope."""
        return scope_condition(model, self.actor)

    def _is_changed_by(self, verb: Verb) -> ColumnElement[bool]:
        """Return the condition that this verb changed the row."""
        return true() if len(self.verbs) == 1 else self.json.has_key(Item.before, verb.key)

    def _before_value(self, verb: Verb) -> BeforeValue:
        return lambda type_, place=0: self.json.value(Item.before, verb.key, place, type_)

    def event(self) -> str:
        return main_verb(self.verbs).undo_event

    def effect(self, verb: Verb) -> Effect:
        return verb.undo_effect(self.rows, self.json, self._before_value(verb), self.chosen)

    def when_changed(
        self, verb: Verb, value: ColumnElement, otherwise: ColumnElement
    ) -> ColumnElement:
        if len(self.verbs) == 1:
            return value
        return case((self._is_changed_by(verb), value), else_=otherwise)

    def update_statement(self) -> Executable:
        model = self.model
        values: dict[str, Any] = {
            name: self.when_changed(verb, value, getattr(model, name))
            for verb in self.verbs
            for name, value in self.effect(verb).values.items()
        }
        values |= {"version": model.version + 1, "updated_at": NOW}
        return update(model).where(self._rows_of_chunk(*values.values())).values(values)

    def after_change(self, verb: Verb, ids: list[int]) -> None:
        verb.undone(self.session, ids, self.actor)

    def change_one_by_one(self, outcomes: dict[str, list[int]]) -> None:
        def change(row: Any, before: Any) -> tuple[str, str]:
            return self.undo_row(self.session, row, before["each"])

        def refuse(number: int, sentence: str) -> str:
            self.update_item(number, undone="kept", undone_reason=sentence)
            return "kept"

        self.change_each(outcomes, change, refuse)


def _reads_items(value: Any) -> bool:
    """Return True if an expression names a column of the items."""
    return isinstance(value, ClauseElement) and any(
        getattr(part, "table", None) is Item.__table__ for part in iterate(value)
    )
