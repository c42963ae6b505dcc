"""The verb that moves rows to another state, as a transition describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, inspect, literal, select
from sqlalchemy.orm import Session

from app.fieldtypes import get_field_type, to_json
from app.log.values import foreign_keys
from app.operations.sql import JsonFunctions
from app.operations.verbbase import (
    BeforeValue,
    Effect,
    Verb,
    column_from_json,
    ids_for_labels,
    load_labels,
)
from app.security.actor import Actor
from app.states.locks import changing_locked_rows
from app.states.transitions import UNDONE_EVENT, Transition, find_by_action_name


class Move(Verb):
    """Move every row to the state that a transition ends in, and set its other columns.

    ``transition`` holds the answers; undoing does without.
    """

    name = "move"
    key = "move"
    field = "state"
    undo_event = UNDONE_EVENT
    has_side_effects = True
    moves_locked_rows = True

    def __init__(
        self,
        model: Any,
        kind: type[Transition],
        values: dict[str, Any],
        transition: Transition | None = None,
    ) -> None:
        super().__init__(model)
        self.kind, self.values, self.transition = kind, values, transition
        self.event = kind.action_name()  # type: ignore[misc]
        links = [name for name in values if name in foreign_keys(model)]
        if len(links) > 1:
            raise ValueError(f"{kind.__name__} sets more than one link.")
        # The column that links to another row, the model of that row, and the labels for the log.
        self.link = links[0] if links else None
        self.target: Any = foreign_keys(model)[self.link][1] if self.link else None
        self.labels: dict[int, list] = {}

    @classmethod
    def of(cls, model: Any, transition: Transition) -> Move:
        """Return the verb of a transition with its answers."""
        return cls(model, type(transition), transition.new_values(), transition)

    def to_json(self) -> dict[str, Any]:
        values = {name: to_json(value) for name, value in self.values.items()}
        return {"verb": self.name, "transition": self.event, "values": values}

    @classmethod
    def from_json(cls, model: Any, plan: dict[str, Any]) -> Move:
        kind = find_by_action_name(plan["transition"])
        assert kind is not None, "the job has found the action"
        return cls(model, kind, _values_from_json(model, plan))

    def with_plan(self, plan: dict[str, Any]) -> Move:
        values = _values_from_json(self.model, plan)
        return Move(self.model, self.kind, values, self.transition)

    @classmethod
    def why_not_undone(cls, plan: dict[str, Any]) -> str:
        kind = find_by_action_name(plan["transition"])
        return "" if kind is None else str(kind.why_not_undone)

    def needs_change(self) -> ColumnElement[bool]:
        return self.kind.starts_from(self.model)

    def before(self) -> tuple[Any, ...]:
        return tuple(getattr(self.model, name) for name in self.values)

    def is_unchanged(self) -> ColumnElement[bool]:
        columns = ((getattr(self.model, name), value) for name, value in self.values.items())
        return and_(*(column.is_not_distinct_from(value) for column, value in columns))

    def new_values(self) -> dict[str, Any]:
        return {name: literal(value, self._type(name)) for name, value in self.values.items()}

    def old_values(self, before: BeforeValue) -> dict[str, Any]:
        return {name: before(self._type(name), n) for n, name in enumerate(self.values)}

    def can_restore(self, before: BeforeValue, is_available: Callable) -> Any:
        if self.link is None:
            return super().can_restore(before, is_available)
        old = self.old_values(before)[self.link]
        found = select(self.target.id).where(self.target.id == old, is_available(self.target))
        return old.is_(None) | found.exists()

    def load_labels(self, session: Session, ids: Iterable[int | None]) -> bool:
        if self.link is None:
            return False
        return load_labels(session, self.target, {*ids, self.values[self.link]}, self.labels)

    def effect(self, rows: Select, json: JsonFunctions) -> Effect:
        linked = None
        if self.link is not None:
            of_rows = select(getattr(self.model, self.link)).where(json.is_one_of(self.model.id))
            linked = ids_for_labels(self.target, of_rows)
        return Effect(
            lambda: {
                name: (self._logged(json, name, getattr(self.model, name)), self._new(json, name))
                for name in self.values
            },
            dict(self.values),
            linked,
        )

    def undo_effect(
        self, rows: Select, json: JsonFunctions, before: BeforeValue, items: Any
    ) -> Effect:
        old = self.old_values(before)
        return Effect(
            lambda: {
                name: (self._new(json, name), self._logged(json, name, old[name]))
                for name in self.values
            },
            old,
            None
            if self.link is None
            else ids_for_labels(self.target, select(old[self.link]).where(items)),
        )

    def changed(self, session: Session, ids: list[int], actor: Actor) -> None:
        assert self.transition is not None
        with changing_locked_rows():
            self.transition.moved(session, ids)
            session.flush()

    def sample(self, session: Session, row: Any) -> tuple[Any, str, str]:
        column = inspect(self.model).column_attrs["state"].columns[0]
        kind = get_field_type(column)
        return column.info["label"], kind.show(row.state), kind.show(self.values["state"])

    def _type(self, name: str) -> Any:
        return getattr(self.model, name).type

    def _logged(self, json: JsonFunctions, name: str, value: Any) -> Any:
        """Return a value of a column as the log writes it: a link as its id and label."""
        if name == self.link:
            return json.lookup(self.labels, value)
        return json.logged(self._type(name), value)

    def _new(self, json: JsonFunctions, name: str) -> Any:
        value = self.values[name]
        if name == self.link and value is not None:
            return json.constant(self.labels.get(value, [value, ""]))
        return json.constant(to_json(value))


def _values_from_json(model: Any, plan: dict[str, Any]) -> dict[str, Any]:
    return {name: column_from_json(model, name, value) for name, value in plan["values"].items()}
