"""The frozen selection of an operation: lists of ids, written by one statement."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, insert, literal, select, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from app.operations.models import FrozenRows, Operation, OperationItem
from app.security.scope import not_trashed

# Ids in one list: reading one takes some milliseconds.
LIST_LENGTH = 5_000


def freeze_selection(session: Session, operation: Operation, model: Any, rows: Select) -> int:
    """Store the ids of the selected rows, in one statement; return how many they are."""
    place = type_coerce(func.row_number().over(order_by=model.id), Integer)
    part = (place - 1) // LIST_LENGTH
    chosen = rows.where(not_trashed(model)).order_by(None)
    numbered = chosen.with_only_columns(model.id.label("id"), part.label("part")).subquery()
    number = numbered.c.id
    if session.get_bind().dialect.name == "postgresql":
        ids: Any = func.array_agg(aggregate_order_by(number, number))
    else:
        # In no certain order: whoever reads the list sorts it.
        ids = func.json_group_array(number)
    lists = select(literal(operation.id), func.max(number), func.count(), ids)
    statement = insert(FrozenRows).from_select(
        ["operation_id", "last_id", "count", "ids"], lists.group_by(numbered.c.part)
    )
    return sum(session.scalars(statement.returning(FrozenRows.count)))


class FrozenIds:
    """Read the ids of one operation's frozen rows, list by list."""

    def __init__(self, session: Session, operation_id: int) -> None:
        self.session, self.operation_id = session, operation_id
        self._after, self._ids = 0, list[int]()

    def after(self, position: int, size: int) -> list[int]:
        """Return at most ``size`` ids above ``position``, in ascending order; fewer at the end."""
        found: list[int] = []
        while len(found) < size and self._load(position):
            start = bisect_right(self._ids, position)
            found += self._ids[start : start + size - len(found)]
            position = found[-1]
        return found

    def _load(self, position: int) -> bool:
        """Load the list that has the first id above a position, unless it is loaded."""
        if self._ids and self._after <= position < self._ids[-1]:
            return True
        values = {"operation": self.operation_id, "position": position}
        ids = self.session.scalar(_NEXT_LIST, values)
        self._after, self._ids = position, sorted(ids or ())
        return ids is not None


_NEXT_LIST = (
    select(FrozenRows.ids)
    .where(
        FrozenRows.operation_id == bindparam("operation"),
        FrozenRows.last_id > bindparam("position"),
    )
    .order_by(FrozenRows.last_id)
    .limit(1)
)


def not_started_ids(session: Session, operation: Operation, after: int, limit: int) -> list[int]:
    """Return ids above ``after`` of frozen rows that are not processed yet.

    Rows are processed in the order of their ids.
    """
    last = session.scalar(
        select(func.max(OperationItem.row_id)).where(OperationItem.operation_id == operation.id)
    )
    return FrozenIds(session, operation.id).after(max(after, last or 0), limit)
