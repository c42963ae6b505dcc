"""Keyset paging: a page costs the same wherever it lies.

Rows are sorted by an attribute and, among equals, by id; rows without a value come last in
either direction. A cursor names the row a page follows or precedes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, tuple_

from app.errors import DomainError

CAP = 10_000


class BadPage(DomainError):
    """The address names a page that cannot be."""


@dataclass(frozen=True)
class Cursor:
    """The row before or after a page: its sort value, its id, and its place in the list.

    ``place`` counts from 1; None when it is not known.
    """

    value: Any
    id: int
    place: int | None

    def __str__(self) -> str:
        value = self.value.isoformat() if isinstance(self.value, date | datetime) else self.value
        packed = json.dumps([value, self.id, self.place], ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, kind: type) -> Cursor:
        """Return the cursor written in an address; ``kind`` is the sort attribute's type."""
        try:
            padded = text + "=" * (-len(text) % 4)
            value, row_id, place = json.loads(base64.urlsafe_b64decode(padded))
            if value is not None and kind in (date, datetime):
                value = kind.fromisoformat(value)
            # True is a number to Python, and none to PostgreSQL.
            if isinstance(value, bool) and kind is not bool:
                raise ValueError(text)
            if not (value is None or isinstance(value, kind)) or type(row_id) is not int:
                raise ValueError(text)
            if not 0 <= row_id < 2**31:
                raise ValueError(text)
            if place is not None and not (type(place) is int and -(2**31) < place < 2**31):
                raise ValueError(text)
            # What no database can compare with: a NUL, half a character, a number too large.
            if isinstance(value, str) and b"\x00" in value.encode():
                raise ValueError(text)
            if isinstance(value, int) and abs(value) >= 2**63:
                raise ValueError(text)
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise BadPage("page") from None
        return cls(value, row_id, place)


@dataclass(frozen=True)
class Order:
    """How a list is sorted: by ``attribute``, then by ``key``."""

    attribute: Any
    key: Any
    descending: bool
    nullable: bool


@dataclass(frozen=True)
class Slice:
    """The rows of one page, and whether there are others before and after them."""

    rows: Sequence[Row]
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
) -> Slice:
    """Fetch one page; at most two statements are run.

    ``run`` executes a statement and is told whether its rows come in descending order.
    """
    backwards = last or before is not None
    cursor = after or before
    rows: list[Row] = []
    for part in _parts(order, cursor, backwards):
        wanted = size + 1 - len(rows)
        if wanted <= 0:
            break
        statement = query.where(*part.conditions).order_by(*part.order).limit(wanted)
        rows += run(statement, order.descending != backwards)
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        return Slice(rows[::-1], has_previous=more, has_next=before is not None)
    return Slice(rows, has_previous=after is not None, has_next=more)


@dataclass(frozen=True)
class _Part:
    conditions: tuple[ColumnElement[bool], ...]
    order: tuple[Any, ...]


def _parts(order: Order, cursor: Cursor | None, backwards: bool) -> list[_Part]:
    """Return the stretches of the index to read, in order: rows with a value, rows without."""
    down = order.descending != backwards
    attribute, key = order.attribute, order.key
    directed = (attribute.desc(), key.desc()) if down else (attribute.asc(), key.asc())
    filled: tuple[ColumnElement[bool], ...] = (attribute.is_not(None),) if order.nullable else ()
    with_value = _Part(filled, directed)
    without = _Part((attribute.is_(None),), (key.desc() if down else key.asc(),))
    if cursor is not None and cursor.value is None:
        past = key < cursor.id if down else key > cursor.id
        without = _Part((attribute.is_(None), past), without.order)
        parts = [without, with_value] if backwards else [without]
    elif cursor is not None:
        here, there = tuple_(attribute, key), tuple_(cursor.value, cursor.id)
        past = here < there if down else here > there
        with_value = _Part((and_(*filled, past),), directed)
        parts = [with_value] if backwards else [with_value, without]
    else:
        parts = [without, with_value] if backwards else [with_value, without]
    return parts if order.nullable else [part for part in parts if part is not without]
