"""Keyset paging: every page costs the same, however far from the start.

Rows are sorted by an attribute and then by id; rows without a value come last in either
direction. A cursor names the row that a page follows or precedes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Row, Select, and_, literal, select, tuple_

from app.errors import DomainError
from app.fieldtypes import to_json
from app.types import Scaled

MAX_COUNT = 10_000
# How many rows of a filtered list are looked at before all that the filter finds are sorted: first,
# and if these show that the others should do.
WALKED = (10_000, 40_000)


class InvalidPage(DomainError):
    """The query string names a page or size that does not exist."""


@dataclass(frozen=True)
class Cursor:
    """The row before or after a page: its sort value, its id and its position in the list.

    ``position`` counts from 1; None if unknown.
    """

    value: Any
    id: int
    position: int | None

    def __str__(self) -> str:
        packed = json.dumps(
            [to_json(self.value), self.id, self.position], ensure_ascii=False
        ).encode()
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, value_type: type) -> Cursor:
        """Parse a cursor of the query string; ``value_type`` is the type of the sort attribute."""
        try:
            padded = text + "=" * (-len(text) % 4)
            value, row_id, position = json.loads(base64.urlsafe_b64decode(padded))
            if value is not None and value_type in (date, datetime):
                value = value_type.fromisoformat(value)
            elif value is not None and value_type is Decimal:
                value = _read_decimal(value)
            # bool is an int in Python, but not in PostgreSQL.
            if isinstance(value, bool) and value_type is not bool:
                raise ValueError(text)
            if not (value is None or isinstance(value, value_type)) or type(row_id) is not int:
                raise ValueError(text)
            if not 0 <= row_id < 2**31:
                raise ValueError(text)
            if position is not None and not (
                type(position) is int and -(2**31) < position < 2**31
            ):
                raise ValueError(text)
            # Refuse what a database cannot compare: NUL, a lone surrogate, more than 64 bits.
            if isinstance(value, str) and b"\x00" in value.encode():
                raise ValueError(text)
            if isinstance(value, int) and abs(value) >= 2**63:
                raise ValueError(text)
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise InvalidPage("page") from None
        return cls(value, row_id, position)


def _read_decimal(text: Any) -> Decimal:
    """Return the number of a cursor; raise ValueError if it is none."""
    try:
        number = Decimal(text if isinstance(text, str) else "")
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite() or abs(number.adjusted()) > 15:
        raise ValueError(text)
    return number


def _storable(value: Any, type_: Any) -> Any:
    """Return the value of a cursor; raise InvalidPage if no row can have it."""
    if isinstance(type_, Scaled):
        units = value.scaleb(type_.scale)
        if units != units.to_integral_value() or abs(units) >= 2**63:
            raise InvalidPage("page")
    return value


@dataclass(frozen=True)
class Order:
    """The order of a list: by ``attribute``, then by ``key``.

    ``link`` is the foreign key that leads to the attribute's table, if that is another one;
    ``unlinked`` is then the condition that it leads to no row.
    """

    attribute: Any
    key: Any
    descending: bool
    nullable: bool
    link: Any = None
    unlinked: Any = None


@dataclass(frozen=True)
class Slice:
    """The rows of one page, and whether there are pages before and after it."""

    rows: Sequence[Sequence[Any]]
    has_previous: bool
    has_next: bool


def fetch(
    run: Callable[[Select, bool], Sequence[Row]],
    query: Select,
    order: Order,
    size: int,
    *,
    after: Cursor | None = None,
    before: Cursor | None = None,
    last: bool = False,
    unfiltered: Select | None = None,
    are_few: bool = False,
) -> Slice:
    """Fetch one page with at most two statements, or a few more of a filtered list.

    ``run`` executes a statement; its second argument is True for descending order.
    ``unfiltered`` selects the rows among which ``query`` filters: the first ``WALKED`` of these
    are looked at, and all that ``query`` finds are sorted only if these do not fill the page.
    Left to itself, PostgreSQL takes the rows of a filter to be spread evenly, and walks through
    nearly all others to find those that stand at the end. ``are_few`` says that all that ``query``
    finds are soon sorted.
    """
    backwards = last or before is not None
    cursor = after or before
    rows: list[Row] = []
    for range_ in _ranges(order, cursor, backwards):
        wanted = size + 1 - len(rows)
        if wanted <= 0:
            break
        down = order.descending != backwards
        if are_few:
            rows += run(_gathered(query, range_, down).limit(wanted), down)
            continue
        if unfiltered is None:
            statement = query.where(*range_.conditions).order_by(*range_.order).limit(wanted)
            rows += run(statement, down)
            continue
        for walked in WALKED:
            near = _near(query, unfiltered.limit(walked), order, range_, down)
            found = run(near.limit(wanted), down)
            if len(found) >= wanted or len(found) * WALKED[1] < wanted * WALKED[0]:
                break
        if len(found) < wanted:
            found = run(_gathered(query, range_, down).limit(wanted), down)
        rows += found
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        return Slice(rows[::-1], has_previous=more, has_next=before is not None)
    return Slice(rows, has_previous=after is not None, has_next=more)


@dataclass(frozen=True)
class _Range:
    conditions: tuple[ColumnElement[bool], ...]
    order: tuple[Any, ...]


def _near(query: Select, unfiltered: Select, order: Order, range_: _Range, down: bool) -> Select:
    """Select those of the first rows of a range that ``query`` finds, in order."""
    first = unfiltered.where(*range_.conditions).order_by(*range_.order)
    columns = (order.key.label("row_id"), order.attribute.label("sort"))
    walked = first.with_only_columns(*columns).subquery("walked")
    return query.join(walked, walked.c.row_id == order.key).order_by(*_keys(walked, down))


def _gathered(query: Select, range_: _Range, down: bool) -> Select:
    """Select all rows of a range that ``query`` finds, then sort them."""
    # OFFSET keeps PostgreSQL from walking through an index instead.
    found = query.where(*range_.conditions).offset(0).subquery("found")
    return select(found.c.row_id, found.c.sort).order_by(*_keys(found, down))


def _keys(rows: Any, down: bool) -> tuple[Any, Any]:
    keys = (rows.c.sort, rows.c.row_id)
    return (keys[0].desc(), keys[1].desc()) if down else keys


def _ranges(order: Order, cursor: Cursor | None, backwards: bool) -> list[_Range]:
    """Return the ranges of the index to read, in order: rows with a value and rows without."""
    down = order.descending != backwards
    attribute, key = order.attribute, order.key
    directed = (attribute.desc(), key.desc()) if down else (attribute.asc(), key.asc())
    filled: tuple[ColumnElement[bool], ...] = (attribute.is_not(None),) if order.nullable else ()
    if order.link is not None:
        # Every text; it makes SQLite begin with the index of the attribute.
        filled = (attribute >= "", order.link.is_not(None))
    with_value = _Range(filled, directed)
    blank = attribute.is_(None) if order.link is None else order.unlinked
    without = _Range((blank,), (key.desc() if down else key.asc(),))
    if cursor is not None and cursor.value is None:
        past = key < cursor.id if down else key > cursor.id
        without = _Range((blank, past), without.order)
        ranges = [without, with_value] if backwards else [without]
    elif cursor is not None:
        value = cursor.value
        if not isinstance(value, BindParameter):
            value = literal(_storable(value, attribute.type), attribute.type)
        here, there = tuple_(attribute, key), tuple_(value, cursor.id)
        past = here < there if down else here > there
        if order.link is not None:
            # No index answers a comparison of pairs over two tables.
            near = attribute <= cursor.value if down else attribute >= cursor.value
            past = and_(near, past)
        with_value = _Range((and_(*filled, past),), directed)
        ranges = [with_value] if backwards else [with_value, without]
    else:
        ranges = [without, with_value] if backwards else [with_value, without]
    return ranges if order.nullable else [range_ for range_ in ranges if range_ is not without]
