"""Sort a list by any of its columns, in the reader's alphabet, and page through it by key.

A column whose stored values sort as people expect (a sort key, a date, a number) is sorted by the
database: a ``KeySort``. Any other is a ``GroupSort``: its distinct values are put in the order of
the text that is shown for them, and the rows are read value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from app.crud.paging import Cursor, Slice
from app.errors import DomainError
from app.security.actor import Actor

# With more different values than this, a list must be filtered before it is sorted.
MAX_GROUPS = 50_000
# Of more candidates, only the first few are looked for before the rows are counted.
MAX_WALKED = 60
# How many values are looked for at a time: most lists fill a page from the first few.
WALKED = (4, 16, 64)


class TooManyValues(DomainError):
    """A column has more different values than can be sorted."""


@dataclass(frozen=True)
class KeySort:
    """A sort by one attribute, which both databases compare alike.

    ``expression`` returns it; ``is_scan`` says that no index sorts by it.
    ``join`` adds the join of the attribute's table, to which the foreign key ``link`` leads; a row
    that it does not find comes last: ``unlinked`` is the condition on those rows.
    """

    expression: Callable[[], Any]
    value_type: type
    nullable: bool
    join: Callable[[Select, Actor], Select] | None = None
    link: Any = None
    unlinked: Callable[[Actor], ColumnElement[bool]] | None = None
    is_scan: bool = False


@dataclass(frozen=True)
class GroupSort:
    """A sort by the text that is shown for each value of ``expression``.

    ``keys`` returns what each value is compared by; a value it leaves out counts as empty.
    ``candidates`` returns all values there may be, if they are few or the expression is indexed,
    or None if they are too many: then no row is counted, unless few rows have the first values.
    """

    expression: Callable[[], Any]
    value_type: type
    keys: Callable[[Sequence[Any], Actor], dict[Any, Any]]
    candidates: Callable[[], Sequence[Any] | None] | None = None


Sort = KeySort | GroupSort
Run = Callable[[Select], Sequence[Row]]


def fetch_groups(
    run: Run,
    base: Select,
    row_id: Any,
    sort: GroupSort,
    actor: Actor,
    size: int,
    *,
    descending: bool,
    after: Cursor | None = None,
    before: Cursor | None = None,
    last: bool = False,
    is_walked: bool = False,
) -> Slice:
    """Fetch one page of (id, value) with few statements. ``run`` executes a statement.

    ``is_walked`` says that most rows are in the list: the rows of its first values fill a page.
    """
    backwards = last or before is not None
    cursor = after or before
    reader = _Reader(run, base, row_id, sort.expression(), descending != backwards, cursor)
    candidates = sort.candidates() if sort.candidates else None
    is_short = candidates is not None and len(candidates) <= MAX_WALKED

    def ordered(counts: dict[Any, int | None]) -> list[Any]:
        """Return the values from that of the cursor on, which may be gone by now."""
        if cursor is not None:
            counts.setdefault(cursor.value, 0)
        values = in_order(counts, sort.keys(list(counts), actor), descending)
        if backwards:
            values.reverse()
        return values if cursor is None else values[values.index(cursor.value) :]

    rows: list[Row] = []
    passed: set[Any] = set()
    if candidates is not None and (is_short or is_walked):
        for chunk in _walk(ordered(dict.fromkeys([*candidates, None])), is_short):
            rows += reader.read_apart(chunk, size + 1 - len(rows))
            passed.update(chunk)
            if len(rows) > size:
                break
    if len(rows) <= size and not (candidates is not None and is_short):
        counts: dict[Any, int | None] = dict(reader.count())
        values = [value for value in ordered(counts) if value not in passed]
        for chunk in _chunks(values, counts, cursor, size + 1 - len(rows)):
            limit = size + 1 - len(rows)
            is_apart = _is_cheaper_apart(chunk, counts, limit)
            rows += (
                reader.read_apart(chunk, limit) if is_apart else reader.read_ranked(chunk, limit)
            )
            if len(rows) > size:
                break
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        return Slice(rows[::-1], has_previous=more, has_next=before is not None)
    return Slice(rows, has_previous=after is not None, has_next=more)


def _walk(values: list[Any], is_short: bool) -> Iterator[list[Any]]:
    """Yield a few values at a time: all of a short list, otherwise as many as ``WALKED`` says."""
    rest = iter(values)
    for number in (WALKED[0], len(values)) if is_short else WALKED:
        if chunk := list(islice(rest, number)):
            yield chunk


def in_order(counts: Any, keys: dict[Any, Any], descending: bool) -> list[Any]:
    """Return the values as they are shown; empty ones come last in either direction."""
    filled = [value for value in counts if keys.get(value) not in (None, "")]
    filled.sort(key=lambda value: (keys[value], value), reverse=descending)
    empty = [value for value in counts if keys.get(value) in (None, "")]
    empty.sort(key=lambda value: (value is None, str(value)))
    return filled + empty


def _chunks(
    values: list[Any], counts: dict[Any, int | None], cursor: Cursor | None, wanted: int
) -> Iterator[list[Any]]:
    """Yield values until their rows fill a page; of the cursor's value some rows are past."""
    chunk, rows = [], 0
    for value in values:
        chunk.append(value)
        is_cut = cursor is not None and value == cursor.value
        rows += 0 if is_cut else counts[value] or 0
        if rows >= wanted:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk


def _is_cheaper_apart(values: list[Any], counts: dict[Any, int | None], limit: int) -> bool:
    """Return True if it is cheaper to look for the rows of each value than to read all rows.

    Of a frequent value the first rows are soon found in the order of the ids.
    """
    total = sum(count or 0 for count in counts.values())
    read = sum(total * min(1, limit / max(counts[value] or 0, 1)) for value in values)
    return read < total


@dataclass
class _Reader:
    """Reads the rows of some values, in the order of the values and then of the ids."""

    run: Run
    base: Select
    row_id: Any
    expression: Any
    down: bool
    cursor: Cursor | None

    def count(self) -> Sequence[Any]:
        """Return (value, number of rows) of every value."""
        rows = self._columns().subquery()
        query = select(rows.c.sort, func.count()).group_by(rows.c.sort).limit(MAX_GROUPS + 1)
        found = self.run(query)
        if len(found) > MAX_GROUPS:
            raise TooManyValues(
                _("This column has too many different values. Add a filter first.")
            )
        return [(value, number) for value, number in found]

    def read_apart(self, values: list[Any], limit: int) -> Sequence[Row]:
        """Return the first rows, each (id, value): those of each value are selected apart."""
        parts = [
            self._rows(value)
            .add_columns(literal(place).label("place"))
            .order_by(self._directed(self.row_id))
            .limit(limit)
            .subquery()
            for place, value in enumerate(values)
        ]
        rows = union_all(*(select(part) for part in parts)).subquery()
        order = (rows.c.place, self._directed(rows.c.row_id))
        return self.run(select(rows.c.row_id, rows.c.sort).order_by(*order).limit(limit))

    def read_ranked(self, values: list[Any], limit: int) -> Sequence[Row]:
        """Return the first rows, each (id, value): all are selected at once, ranked by value."""
        filled = [value for value in values if value is not None]
        conditions = [self.expression.in_(filled)] if filled else []
        if len(filled) < len(values):
            conditions.append(self.expression.is_(None))
        query = self._columns().where(or_(*conditions))
        if self.cursor is not None and self.cursor.value in values:
            other = self.expression.is_distinct_from(self.cursor.value)
            query = query.where(or_(other, self._past()))
        place = case(*((self._is(value), place) for place, value in enumerate(values)))
        return self.run(query.order_by(place, self._directed(self.row_id)).limit(limit))

    def _rows(self, value: Any) -> Select:
        query = self._columns().where(self._is(value))
        is_cut = self.cursor is not None and self.cursor.value == value
        return query.where(self._past()) if is_cut else query

    def _columns(self) -> Select:
        return self.base.with_only_columns(
            self.row_id.label("row_id"), self.expression.label("sort")
        )

    def _is(self, value: Any) -> ColumnElement[bool]:
        return self.expression.is_(None) if value is None else self.expression == value

    def _past(self) -> ColumnElement[bool]:
        assert self.cursor is not None
        return self.row_id < self.cursor.id if self.down else self.row_id > self.cursor.id

    def _directed(self, key: Any) -> Any:
        return key.desc() if self.down else key.asc()
