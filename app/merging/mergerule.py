"""Merge rules: what a merge does with the rows that point at the two rows, one plug for a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Select, func, inspect, select
from sqlalchemy.orm import Session

from app.bulk import insert_rows, is_one_of
from app.i18n.counted import Counted
from app.merging.models import Merge, MergeMove
from app.merging.moving import point_rows
from app.registry import Plug
from app.security.actor import Actor
from app.security.scope import visible

# Rows that are moved by one statement.
CHUNK_SIZE = 2_000
# Why a row or a field stays as it is when the merge is undone.
CHANGED, ELSEWHERE, GONE = "changed", "elsewhere", "gone"

# A table and its column that holds ids of the merged rows.
Reference = tuple[str, str]
# What an undoing leaves as it is: the row's id, and why.
Kept = tuple[int, str]
# Names of rows by their ids.
Names = dict[int, str]


@dataclass
class MergeRun:
    """A merge that is being done or undone."""

    session: Session
    merge: Merge
    survivor: Any
    merged: Any
    actor: Actor

    def record(
        self, rule: MergeRule, row_id: int, version: int | None = None, **before: Any
    ) -> None:
        """Note a row that a rule moved, for the undoing."""
        self.session.add(
            MergeMove(
                merge_id=self.merge.id, rule=rule.code(), row_id=row_id, version=version,
                before=before or None,
            )
        )  # fmt: skip

    def record_all(self, rule: MergeRule, versions: Mapping[int, int | None]) -> None:
        """Note rows that a rule moved, with their versions by id."""
        rows = [{"row_id": row_id, "version": one} for row_id, one in versions.items()]
        common = {"merge_id": self.merge.id, "rule": rule.code()}
        insert_rows(self.session.connection(), MergeMove.__table__, rows, common)

    def moves(self, rule: MergeRule) -> Iterator[Sequence[MergeMove]]:
        """Yield what a rule has noted, some at a time."""
        query = select(MergeMove).where(
            MergeMove.merge_id == self.merge.id, MergeMove.rule == rule.code()
        )
        query, last = query.order_by(MergeMove.id).limit(CHUNK_SIZE), 0
        while some := self.session.scalars(query.where(MergeMove.id > last)).all():
            last = some[-1].id
            yield some


class MergeRule(Plug):
    """What happens to the rows of a table that point at a merged row (a plug).

    Write it in the ``merge_rules.py`` of the room that has the table. A contract test fails as
    long as a table points at a mergeable model and has no rule.
    """

    # The model whose rows are merged; a mixin stands for all that inherit it.
    target: ClassVar[Any]
    # A number of the rows in words: “12 documents”.
    words: ClassVar[Counted | None] = None
    # Whether it changes nothing but attributes of the row that stays, which are written once.
    is_of_row: ClassVar[bool] = False

    def __init__(self, model: Any) -> None:
        self.model = model

    @classmethod
    def rules(cls, model: Any) -> list[MergeRule]:
        """Return the rules for a model: this one, unless it stands for those of several tables."""
        return [cls(model)]

    def code(self) -> str:
        """Return the name by which the database calls it."""
        return type(self).__name__

    def references(self) -> set[Reference]:
        """Return the columns that it answers for."""
        raise NotImplementedError

    def count(self, session: Session, survivor: Any, merged: Any, actor: Actor) -> tuple[int, int]:
        """Return how many rows it would move, and how many of them the actor does not see."""
        return 0, 0

    def merge(self, run: MergeRun) -> int:
        """Do it; return how many rows were moved."""
        return 0

    def undo(self, run: MergeRun) -> list[Kept]:
        """Undo its moves; return the rows that stay as they are."""
        return []

    def names(self, session: Session, ids: Iterable[int], actor: Actor) -> Names:
        """Return the names of rows that it has kept, as far as the actor may see them."""
        return {}


def merge_rules(model: Any) -> list[MergeRule]:
    """Return the rules for the rows that point at rows of a model."""
    found = [rule for rule in MergeRule.all() if issubclass(model, rule.target)]
    return [rule for kind in found for rule in kind.rules(model)]


class LeaveRows(MergeRule, abstract=True):
    """Leave the rows with the merged row, in the trash; say in the docstring why."""


class MoveRows(MergeRule, abstract=True):
    """Let rows of a model point at the row that stays.

    An undoing lets them point back, unless they were changed since.
    """

    rows: ClassVar[Any]
    # The attribute that holds the id.
    attribute: ClassVar[str]
    # The attribute that holds the table, where rows of several tables can be meant.
    table_attribute: ClassVar[str] = ""

    def references(self) -> set[Reference]:
        return {(self.rows.__tablename__, self.attribute)}

    def select_rows(self, merged: Any) -> Select:
        """Select the rows that point at a row."""
        query = select(self.rows).where(getattr(self.rows, self.attribute) == merged.id)
        if self.table_attribute:
            query = query.where(getattr(self.rows, self.table_attribute) == merged.__tablename__)
        return query

    def stays(self, survivor: Any, merged: Any) -> ColumnElement[bool] | None:
        """Return the condition of the rows that stay with the merged one; None for no row."""
        return None

    def _movable(self, survivor: Any, merged: Any) -> Select:
        query = self.select_rows(merged)
        if issubclass(type(merged), self.rows):
            # The link between the two rows is one of their own fields.
            query = query.where(self.rows.id.not_in([survivor.id, merged.id]))
        stays = self.stays(survivor, merged)
        return query if stays is None else query.where(~stays)

    def count(self, session: Session, survivor: Any, merged: Any, actor: Actor) -> tuple[int, int]:
        query = self._movable(survivor, merged).with_only_columns(self.rows.id)
        seen = visible(self.rows, actor).with_only_columns(self.rows.id)
        ids, options = query.subquery(), {"with_trash": True}
        total = session.scalar(select(func.count()).select_from(ids), execution_options=options)
        if not total:
            return 0, 0
        both = select(func.count()).select_from(ids).where(ids.c.id.in_(seen))
        return total, total - (session.scalar(both, execution_options=options) or 0)

    def merge(self, run: MergeRun) -> int:
        count, last = 0, 0
        query = self._movable(run.survivor, run.merged).with_only_columns(self.rows.id)
        query = query.order_by(self.rows.id).limit(CHUNK_SIZE).with_for_update(of=self.rows)
        query = query.execution_options(with_trash=True)
        while ids := run.session.scalars(query.where(self.rows.id > last)).all():
            versions = point_rows(
                run.session, self.rows, self.attribute, ids, run.merged, run.survivor, run.actor
            )
            run.record_all(self, versions)
            last, count = ids[-1], count + len(ids)
        return count

    def undo(self, run: MergeRun) -> list[Kept]:
        kept: list[Kept] = []
        for moves in run.moves(self):
            rows = self._locked(run.session, [move.row_id for move in moves])
            unchanged = []
            for move in moves:
                if why := self._why_kept(run, move, rows.get(move.row_id)):
                    kept.append((move.row_id, why))
                else:
                    unchanged.append(move.row_id)
            point_rows(
                run.session, self.rows, self.attribute, unchanged, run.survivor, run.merged,
                run.actor,
            )  # fmt: skip
        return kept

    def _locked(self, session: Session, ids: list[int]) -> dict[int, Any]:
        """Lock rows; return what decides whether they go back, by id."""
        names = (self.attribute, self.table_attribute, "version")
        known = inspect(self.rows).column_attrs
        columns = [getattr(self.rows, name) for name in names if name in known]
        query = select(self.rows.id, *columns)
        query = query.where(is_one_of(session.get_bind().dialect, self.rows.id, ids))
        query = query.order_by(self.rows.id).with_for_update(of=self.rows)
        rows = session.execute(query.execution_options(with_trash=True))
        return {row.id: row for row in rows}

    def _why_kept(self, run: MergeRun, move: MergeMove, row: Any) -> str:
        if row is None:
            return GONE
        if getattr(row, self.attribute) != run.survivor.id:
            return ELSEWHERE
        if self.table_attribute and getattr(row, self.table_attribute) != run.merge.subject_type:
            return ELSEWHERE
        return CHANGED if move.version not in (None, getattr(row, "version", None)) else ""

    def names(self, session: Session, ids: Iterable[int], actor: Actor) -> Names:
        query = visible(self.rows, actor).where(self.rows.id.in_(sorted(ids)))
        rows = session.scalars(query.execution_options(with_trash=True)).unique()
        return {row.id: str(row) for row in rows}


class KeepOneRow(MoveRows, abstract=True):
    """Move the rows, but those of which the row that stays has one of its own.

    ``unique_with`` names the attributes that tell rows of the same row apart, such as the activity
    of a participant.
    """

    unique_with: ClassVar[tuple[str, ...]]

    def stays(self, survivor: Any, merged: Any) -> ColumnElement[bool]:
        table = self.rows.__table__.alias()
        same = (table.c[name] == getattr(self.rows, name) for name in self.unique_with)
        return select(table.c.id).where(table.c[self.attribute] == survivor.id, *same).exists()
