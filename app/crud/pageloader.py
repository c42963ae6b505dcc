"""Load the rows of one page of a list, sorted by key or value by value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Integer, Row, Select, bindparam, select

from app.crud.columns import ColumnPlan
from app.crud.interface import ScopedInterface
from app.crud.listing import ListState
from app.crud.paging import Cursor, Order, Slice, fetch
from app.crud.prepared import finished, finished_with_values, prepared, read
from app.crud.sorting import GroupSort, KeySort, fetch_groups
from app.security.actor import Actor


@dataclass(frozen=True)
class PageLoader:
    """Fetches the rows of one page."""

    datamodel: ScopedInterface
    base: Select
    plan: ColumnPlan
    actor: Actor
    state: ListState
    size: int
    after: Cursor | None
    before: Cursor | None
    is_whole: bool
    is_walked: bool
    # Of a filtered list with many rows: those among which the filter finds them.
    unfiltered: Select | None
    # Whether those are all sorted, whatever the order.
    are_few: bool

    @property
    def model(self) -> Any:
        return self.datamodel.obj

    def _run(self, statement: Select) -> Sequence[Row]:
        return read(self._finished(statement))

    def _finished(self, statement: Select, *, has_values: bool = False) -> Select:
        statement = statement.execution_options(with_trash=self.datamodel.with_trash)
        return (finished_with_values if has_values else finished)(statement)

    def by_key(self, sort: KeySort) -> Slice:
        """Return the rows of a page that the database sorts."""
        # The check of the value of a cursor that may be too large is left to ``fetch``.
        if self.is_whole and not issubclass(sort.value_type, Decimal):
            return self._by_prepared_key(sort)

        def run(statement: Select, descending: bool) -> Sequence[Row]:
            return self._run(self._with_columns(statement, descending))

        return self._fetch(run, sort, self.after, self.before)

    def _by_prepared_key(self, sort: KeySort) -> Slice:
        """Do what ``fetch`` does with the statements of the list of all rows."""
        cursor, values = self.after or self.before, {}
        bound = None
        if cursor is not None:
            values = {"cursor_value": cursor.value, "cursor_id": cursor.id}
            type_ = sort.expression().type
            value = None if cursor.value is None else bindparam("cursor_value", type_=type_)
            row_id: Any = bindparam("cursor_id", type_=Integer())
            bound = Cursor(value, row_id, None)

        def build() -> tuple[list[Select], list[tuple[int, int]]]:
            statements: list[Select] = []

            def note(statement: Select, descending: bool) -> Sequence[Row]:
                whole = self._with_columns(statement, descending)
                statements.append(self._finished(whole, has_values=cursor is None))
                return []

            self._fetch(note, sort, bound if self.after else None, bound if self.before else None)
            return statements, self.plan.spans

        state, backwards = self.state, self.state.last or self.before is not None
        key = (
            self.datamodel, sort, *self.plan.columns, self.size, state.descending, state.last,
            bool(self.after), bool(self.before), cursor is not None and cursor.value is None,
        )  # fmt: skip
        statements, self.plan.spans = prepared(self.actor, key, build)
        rows: list[Row] = []
        for statement in statements:
            if len(rows) <= self.size:
                rows += read(statement, values)
        more = len(rows) > self.size
        rows = rows[: self.size]
        if backwards:
            return Slice(rows[::-1], has_previous=more, has_next=self.before is not None)
        return Slice(rows, has_previous=self.after is not None, has_next=more)

    def _with_columns(self, statement: Select, descending: bool) -> Select:
        """Add the columns to a statement of ids, which come from an index alone."""
        ids = statement.subquery()
        outer = select(ids.c.row_id, ids.c.sort).join(self.model, self.model.id == ids.c.row_id)
        keys = (ids.c.sort, ids.c.row_id)
        outer = self.plan.apply(outer, self.actor)
        return outer.order_by(*(k.desc() if descending else k for k in keys))

    def _fetch(self, run: Any, sort: KeySort, after: Any, before: Any) -> Slice:
        base = self.base if sort.join is None else sort.join(self.base, self.actor)
        unlinked = None if sort.unlinked is None else sort.unlinked(self.actor)
        attribute = sort.expression()
        order = Order(
            attribute,
            self.model.id,
            self.state.descending,
            sort.nullable,
            sort.link,
            unlinked,
        )
        query = base.with_only_columns(self.model.id.label("row_id"), attribute.label("sort"))
        return fetch(
            run, query, order, self.size, after=after, before=before, last=self.state.last,
            unfiltered=None if sort.join is not None or sort.is_scan else self.unfiltered,
            are_few=self.are_few,
        )  # fmt: skip

    def by_group(self, sort: GroupSort) -> Slice:
        """Return the rows of a page that is sorted value by value: first the ids, then the rows."""
        found = fetch_groups(
            self._run, self.base, self.model.id, sort, self.actor, self.size,
            descending=self.state.descending,
            after=self.after, before=self.before, last=self.state.last,
            is_walked=self.is_walked,
        )  # fmt: skip
        if not found.rows:
            return found
        row_ids = [row_id for row_id, _value in found.rows]
        query = select(self.model.id, self.model.id).where(self.model.id.in_(row_ids))
        by_id = {row[0]: tuple(row) for row in self._run(self.plan.apply(query, self.actor))}
        # A row may be deleted between the two statements.
        rows = [
            (row_id, value, *by_id[row_id][2:]) for row_id, value in found.rows if row_id in by_id
        ]
        return replace(found, rows=rows)

    def first_position(self, row_count: int, count: int | None) -> int | None:
        """Return the position in the list of the first row of the page, or None if unknown."""
        if self.after is not None:
            return None if self.after.position is None else self.after.position + 1
        if self.before is not None:
            position = self.before.position
            return None if position is None else max(position - row_count, 1)
        if self.state.last:
            return None if count is None else count - row_count + 1
        return 1 if row_count else 0
