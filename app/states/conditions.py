"""Conditions on rows with the sentence that says why: asked of stored rows, or of new values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, inspect, literal, select, true
from sqlalchemy.orm import RelationshipDirection, Session

from app.changed import changed_attributes

# A condition that refuses a row, and the sentence that says why.
Reason = tuple[Any, Any]


class NewValues:
    """The attributes of a model, of which some are about to get another value.

    It stands for the row in a condition: ``values`` holds SQL expressions by attribute, all other
    attributes are the model's own. ``names`` collects the attributes that were read.
    """

    def __init__(self, model: Any, values: Mapping[str, Any] | None = None) -> None:
        self._model, self._values = model, values or {}
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.names.add(name)
        return self._values[name] if name in self._values else getattr(self._model, name)


def as_condition(condition: Any) -> ColumnElement[bool]:
    """Return a condition as SQL: True and False may be written as they are."""
    if isinstance(condition, bool):
        return true() if condition else false()
    return condition


def is_written(row: Any) -> bool:
    """Return True if a flush writes a column of a row, or a link that the row holds."""
    relations = inspect(type(row)).relationships
    return any(
        name not in relations
        or not (
            relations[name].viewonly
            or relations[name].direction is RelationshipDirection.ONETOMANY
        )
        for name in changed_attributes(row)
    )


def first_reason(
    session: Session, model: Any, cases: Iterable[tuple[Iterable[int], Any, Any]]
) -> Any:
    """Return the value of the first of (ids, condition, value) that holds for a stored row.

    None if there is none. It is one statement.
    """
    wanted = list(cases)
    if not wanted:
        return None
    conditions = [
        and_(model.id.in_(sorted(ids)), as_condition(condition)) for ids, condition, _v in wanted
    ]
    number = case(*((condition, literal(n)) for n, condition in enumerate(conditions)))
    query = select(number).where(number.is_not(None)).order_by(number).limit(1)
    with session.no_autoflush:
        place = session.scalar(query.select_from(model).execution_options(with_trash=True))
    return None if place is None else wanted[place][2]
