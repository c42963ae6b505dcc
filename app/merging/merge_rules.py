"""What a merge does with rows that point at rows of any model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app.i18n.counted import Counted
from app.log.values import many_to_many
from app.merging.mergerule import (
    Kept,
    LeaveRows,
    MergeRule,
    MergeRun,
    MoveRows,
    Names,
    Reference,
)
from app.merging.models import Mergeable
from app.numbers.models import FormerNumber
from app.outbox.models import Message
from app.search.models import Searchable
from app.security.actor import Actor
from app.subjects import attached_models


class UniteLinks(MergeRule):
    """Give the row that stays the tags and other links of the merged one that it lacks.

    The merged row keeps its own, in the trash.
    """

    target = Mergeable
    words = Counted("%(num)s tag", "%(num)s tags")
    is_of_row = True

    def references(self) -> set[Reference]:
        relations = inspect(self.model).relationships
        return {
            (column.table.name, column.name)
            for name in many_to_many(self.model)
            for column in relations[name].secondary.columns
            if any(key.column.table is self.model.__table__ for key in column.foreign_keys)
        }

    def _missing(self, survivor: Any, merged: Any) -> Iterator[tuple[str, Any]]:
        for name in many_to_many(self.model):
            own = {row.id for row in getattr(survivor, name)}
            yield from ((name, row) for row in getattr(merged, name) if row.id not in own)

    def count(self, session: Session, survivor: Any, merged: Any, actor: Actor) -> tuple[int, int]:
        return len(list(self._missing(survivor, merged))), 0

    def merge(self, run: MergeRun) -> int:
        missing = list(self._missing(run.survivor, run.merged))
        for name, row in missing:
            getattr(run.survivor, name).append(row)
            run.record(self, row.id, relation=name)
        return len(missing)

    def undo(self, run: MergeRun) -> list[Kept]:
        for moves in run.moves(self):
            for move in moves:
                links = getattr(run.survivor, (move.before or {})["relation"])
                for row in [row for row in links if row.id == move.row_id]:
                    links.remove(row)
        return []


class MoveAttached(MoveRows):
    """Hang documents, notes and whatever else hangs on the merged row on the one that stays."""

    target = Mergeable
    words = Counted("%(num)s document or note", "%(num)s documents or notes")
    attribute, table_attribute = "subject_id", "subject_type"

    def __init__(self, model: Any, rows: Any = None) -> None:
        super().__init__(model)
        self.rows = rows  # type: ignore[misc]

    @classmethod
    def rules(cls, model: Any) -> list[MergeRule]:
        return [cls(model, rows) for rows in attached_models(model)]

    def code(self) -> str:
        return f"{type(self).__name__}:{self.rows.__tablename__}"


class MoveMessages(MoveRows):
    """Let the messages that were sent to the merged row be found with the one that stays."""

    target = Mergeable
    words = Counted("%(num)s message", "%(num)s messages")
    rows = Message
    attribute, table_attribute = "recipient_id", "recipient_type"


class MoveFormerNumbers(MoveRows):
    """Let the numbers of rows that were merged before lead to the row that stays."""

    target = Mergeable
    rows = FormerNumber
    attribute, table_attribute = "subject_id", "subject_type"

    def count(self, session: Session, survivor: Any, merged: Any, actor: Actor) -> tuple[int, int]:
        # They are named beside the number.
        return 0, 0

    def names(self, session: Session, ids: Iterable[int], actor: Actor) -> Names:
        return {}


class LeaveLog(LeaveRows):
    """The log says what happened to each of the rows, and who did what."""

    target = Mergeable

    def references(self) -> set[Reference]:
        return {("log_entry", "subject_id"), ("log_entry", "actor_id")}


class LeaveFiles(LeaveRows):
    """A file belongs to the row that names it: a listener follows the column."""

    target = Mergeable

    def references(self) -> set[Reference]:
        return {("stored_file", "owner_id")}


class LeaveSearchTexts(LeaveRows):
    """A listener writes the search text of the row that stays."""

    target = Searchable

    def references(self) -> set[Reference]:
        return {(self.model.search_table.name, "row_id")}
