"""Queries of the values of a repository."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import inspect, literal_column, select, union_all
from sqlalchemy.orm import Session

from app.database import KEEPS_PLAN
from app.i18n.labels import Bilingual, choose_label
from app.repositories.models import Repository
from app.security.actor import Actor
from app.security.scope import sees_every_row


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


def are_labels_open(model: Any, actor: Actor) -> bool:
    """Return True if a model holds values that the actor may all see, each named by its label."""
    return (
        issubclass(model, Repository)
        and model.__str__ is Bilingual.__str__
        and not hasattr(model, "trashed_at")
        and sees_every_row(model, actor)
    )


@lru_cache(maxsize=128)
def _select_values(models: tuple[type[Repository], ...]) -> Any:
    tables: list[Any] = [inspect(model).local_table for model in models]
    names = ("id", "label_en", "label_es", "is_active", "position")
    values = union_all(
        *(
            select(literal_column(str(place)).label("place"), *(table.c[name] for name in names))
            for place, table in enumerate(tables)
        )
    )
    return values.order_by("place", "position", "id").execution_options(**KEEPS_PLAN)
