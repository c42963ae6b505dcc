"""A batch: the verbs of an action, and the conditions of the rows that are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, inspect, literal, null, or_

from app.operations.insertverb import Insert
from app.operations.stateverb import Move
from app.operations.verbbase import Verb, moves_locked_rows
from app.operations.verbs import Each, Link, MoveToTrash, Set, Unlink
from app.security.actor import Actor
from app.states.locks import locks_of
from app.states.rules import broken_by
from app.states.stateful import Stateful
from app.states.transitions import Transition
from app.types import now


class Batch:
    """What ``Action.apply`` describes: verbs for all rows, and conditions of those left out.

    A batch executes nothing. The preview counts with it, the run applies it chunk by chunk, and
    the operation stores its verbs for undoing. Rows that are refused or skipped do not change.
    """

    def __init__(self, model: Any, actor: Actor) -> None:
        self.model, self.actor = model, actor
        self.verbs: list[Verb] = []
        self.refusals: list[tuple[ColumnElement[bool], str]] = []
        self.skips: list[tuple[ColumnElement[bool], str]] = []

    def set(self, column: Any, value: Any) -> None:
        """Set a column to one value."""
        mapper = inspect(self.model)
        key = mapper.get_property_by_column(column.property.columns[0]).key
        if key == "state" and issubclass(self.model, Stateful):
            raise ValueError("Only transitions change the state.")
        if key in mapper.validators:
            raise ValueError(f"The model validates {key}: change it with each().")
        self._add(Set(self.model, key, value))

    def link(self, relation: Any, row: Any) -> None:
        """Link every row to one other row, such as a tag."""
        self._add(Link(self.model, relation.key, row.id))

    def unlink(self, relation: Any, row: Any) -> None:
        """Remove the link to one other row."""
        self._add(Unlink(self.model, relation.key, row.id))

    def insert(
        self,
        model: Any,
        values: dict[str, Any],
        *,
        unless: ColumnElement[bool] | None = None,
        shown: Any = "",
    ) -> None:
        """Insert a row of another model for every row, such as ``{"contact_id": Contact.id}``.

        ``values`` holds constants and expressions over the rows; one of them is the id of the
        row. Rows that meet ``unless`` get none. ``shown`` is what the preview says of it.
        """
        verb = Insert(self.model, model, values, unless, str(shown))
        verb.check()
        self._add(verb)

    def move(self, transition: Transition) -> None:
        """Move every row that is in a state to start from, and that no check forbids."""
        starts, state = transition.starts_from(self.model), self.model.state
        self.skip(and_(~starts, state != transition.to), "state")
        for where, message in transition.refusals(self.model):
            self.skip(where, str(message)[:200])
        self._add(Move.of(self.model, transition))

    def move_to_trash(self) -> None:
        """Move every row to the trash."""
        self._add(MoveToTrash(self.model, now(), self.actor.id))

    def each(
        self,
        where: ColumnElement[bool],
        change: Callable[[Any], tuple[Any, str, str]],
        show: Callable[[Any], tuple[Any, str, str]],
    ) -> None:
        """Change rows one by one, for changes that only the session's listeners may check.

        ``where`` says which rows to change. ``change(row)`` changes one and returns (before, old,
        new): what ``Action.undo_row`` needs, and what the log says; a DomainError refuses the row
        with its sentence. ``show(row)`` returns (label, old, new) for the preview.
        """
        self._add(Each(self.model, where, change, show))

    def _add(self, verb: Verb) -> None:
        if any(verb.field == other.field for other in self.verbs):
            raise ValueError(f"{verb.field or 'Each row'} is changed twice.")
        if self.verbs and (isinstance(verb, Each) or self.is_one_by_one):
            raise ValueError("each() changes rows one by one: it must be the only verb.")
        self.verbs.append(verb)

    def skip(self, where: ColumnElement[bool], reason: str) -> None:
        """Leave rows out, for a reason that ``Action.reasons`` explains."""
        self.skips.append((where, reason))

    def refuse(self, where: ColumnElement[bool], reason: str) -> None:
        """Leave out rows that this actor may not change."""
        self.refusals.append((where, reason))

    @property
    def is_one_by_one(self) -> bool:
        """Return True if rows are changed one at a time."""
        return any(isinstance(verb, Each) for verb in self.verbs)

    def needs_change(self) -> ColumnElement[bool]:
        """Return the condition that any verb changes a row."""
        return or_(false(), *(verb.needs_change() for verb in self.verbs))

    def _broken_rules(self) -> Iterator[tuple[ColumnElement[bool], str]]:
        """Yield (condition, reason) of the rows that would break a rule of their model."""
        values: dict[str, Any] = {}
        for verb in self.verbs:
            values |= verb.new_values()
        for where, reason in broken_by(self.model, values, self.actor):
            yield and_(self.needs_change(), where), reason
        for verb in self.verbs:
            for where, reason in verb.refusals(self.actor):
                yield and_(verb.needs_change(), where), reason

    def _locked(self) -> Iterator[tuple[ColumnElement[bool], str]]:
        """Yield (condition, reason) of the rows that are locked."""
        if not moves_locked_rows(self.verbs):
            for lock in locks_of(self.model, self.actor):
                yield and_(self.needs_change(), lock.condition), lock.code

    def outcome_case(
        self, first: tuple[tuple[Any, str, str], ...] = ()
    ) -> tuple[ColumnElement, ColumnElement]:
        """Return the outcome of a row and its reason, as two CASE expressions.

        ``first`` holds (condition, outcome, reason) to check before the action's own.
        """
        cases = [
            *first,
            *((where, "refused", reason) for where, reason in self.refusals),
            *((where, "skipped", reason) for where, reason in self._locked()),
            *((where, "skipped", reason) for where, reason in self.skips),
            *((where, "skipped", reason) for where, reason in self._broken_rules()),
            (self.needs_change(), "changed", None),
        ]
        outcome = case(*((where, literal(name)) for where, name, _r in cases), else_="already")
        whys = [(where, literal(why)) for where, _n, why in cases if why]
        return outcome, case(*whys, else_=null()) if whys else null()

    def will_change(self) -> ColumnElement[bool]:
        """Return the condition that a row is neither left out nor unchanged."""
        return self.outcome_case()[0] == "changed"
