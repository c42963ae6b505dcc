"""Queries of the values of a repository."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, inspect, literal_column, select, union_all
from sqlalchemy.orm import Session

from app.i18n.labels import choose_label
from app.repositories.models import Repository


def first_value(session: Session, model: Any) -> Any:
    """Return the first available value in the organisation's order, or None.

    It is the default of forms: the organisation chooses it by the order of the values.
    """
    query = select(model).where(model.is_active).order_by(model.position, model.id)
    return session.scalars(query.limit(1)).first()


class Value(NamedTuple):
    """A value of a repository as forms offer it."""

    id: int
    label: str
    is_active: bool


def offered_values(
    session: Session, models: tuple[type[Repository], ...]
) -> dict[type[Repository], list[Value]]:
    """Return the values of some repositories in their order, read with one statement."""
    values: dict[type[Repository], list[Value]] = {model: [] for model in models}
    for place, row_id, label_en, label_es, is_active, _position in session.execute(
        _select_values(models)
    ):
        value = Value(row_id, choose_label(label_en, label_es), bool(is_active))
        values[models[place]].append(value)
    return values


@lru_cache(maxsize=128)
def _select_values(models: tuple[type[Repository], ...]) -> CompoundSelect[Any]:
    tables: list[Any] = [inspect(model).local_table for model in models]
    names = ("id", "label_en", "label_es", "is_active", "position")
    return union_all(
        *(
            select(literal_column(str(place)).label("place"), *(table.c[name] for name in names))
            for place, table in enumerate(tables)
        )
    ).order_by("place", "position", "id")
