"""What an action says is to be done: verbs, and the rows that are left out and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, case, false, inspect, literal, null, or_

from app.operations.verbs import Each, Link, PutAway, Set, Unlink, Verb
from app.security.actor import Actor
from app.types import now


class Batch:
    """The rows of a selection, and what ``Action.apply`` wants done to them.

    Nothing is done here: the same description counts for the preview, runs chunk by chunk, and
    is kept for undoing. A row that is refused or skipped is left as it is.
    """

    def __init__(self, model: Any, actor: Actor) -> None:
        self.model, self.actor = model, actor
        self.verbs: list[Verb] = []
        self.refusals: list[tuple[ColumnElement[bool], str]] = []
        self.skips: list[tuple[ColumnElement[bool], str]] = []

    def set(self, column: Any, value: Any) -> None:
        """Give a column one value."""
        mapper = inspect(self.model)
        key = mapper.get_property_by_column(column.property.columns[0]).key
        if key in mapper.validators:
            raise ValueError(f"The class has a say in {key}: change it with each().")
        self._add(Set(self.model, key, value))

    def link(self, relation: Any, row: Any) -> None:
        """Link to one other row, as a tag."""
        self._add(Link(self.model, relation.key, row.id))

    def unlink(self, relation: Any, row: Any) -> None:
        """Take the link to one other row away."""
        self._add(Unlink(self.model, relation.key, row.id))

    def put_away(self) -> None:
        """Move to the trash."""
        self._add(PutAway(self.model, now(), self.actor.id))

    def each(
        self,
        where: ColumnElement[bool],
        do: Callable[[Any], tuple[Any, str, str]],
        show: Callable[[Any], tuple[Any, str, str]],
    ) -> None:
        """Change rows one by one, where the rules of the session must be asked.

        ``where`` says which rows are to be changed. ``do(row)`` changes one and returns (before,
        old, new): what ``Action.put_back`` needs, and what the log tells; a DomainError refuses the
        row with its sentence. ``show(row)`` returns (label, old, new) for the preview.
        """
        self._add(Each(self.model, where, do, show))

    def _add(self, verb: Verb) -> None:
        if any(verb.field == other.field for other in self.verbs):
            raise ValueError(f"{verb.field or 'Each row'} is changed twice.")
        if self.verbs and (isinstance(verb, Each) or self.is_one_by_one):
            raise ValueError("What is done row by row is done in one place: in each() alone.")
        self.verbs.append(verb)

    def skip(self, where: ColumnElement[bool], reason: str) -> None:
        """Leave rows out, for a reason among ``Action.reasons``."""
        self.skips.append((where, reason))

    def refuse(self, where: ColumnElement[bool], reason: str) -> None:
        """Leave rows out that this actor may not do this to."""
        self.refusals.append((where, reason))

    @property
    def is_one_by_one(self) -> bool:
        """Say whether rows are changed one at a time."""
        return any(isinstance(verb, Each) for verb in self.verbs)

    def changes(self) -> ColumnElement[bool]:
        """Return the condition that any verb changes a row."""
        return or_(false(), *(verb.changes() for verb in self.verbs))

    def verdict(
        self, first: tuple[tuple[Any, str, str], ...] = ()
    ) -> tuple[ColumnElement, ColumnElement]:
        """Return what becomes of a row and why, as two expressions.

        ``first`` holds (condition, outcome, reason) that come before the action's own.
        """
        told = [
            *first,
            *((where, "refused", reason) for where, reason in self.refusals),
            *((where, "skipped", reason) for where, reason in self.skips),
            (self.changes(), "changed", None),
        ]
        outcome = case(*((where, literal(name)) for where, name, _r in told), else_="already")
        whys = [(where, literal(why)) for where, _n, why in told if why]
        return outcome, case(*whys, else_=null()) if whys else null()

    def to_change(self) -> ColumnElement[bool]:
        """Return the condition that a row will be changed."""
        return self.verdict()[0] == "changed"
