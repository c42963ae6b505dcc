"""Convert values to the JSON of log entries; list the fields that are logged."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipDirection

from app.added_fields import cached_until_fields_change


def link_to_json(row: Any) -> list | None:
    """Return a linked row as ``[id, label]``; None for None."""
    return None if row is None else [row.id, str(row)]


@cached_until_fields_change
def foreign_keys(model: type) -> dict[str, tuple[str, type]]:
    """Map each foreign key attribute of a model to its relationship's name and target."""
    mapper = inspect(model)
    targets = {}
    for relation in mapper.relationships:
        if relation.direction is RelationshipDirection.MANYTOONE:
            for column in relation.local_columns:
                key = mapper.get_property_by_column(column).key
                targets[key] = (relation.key, relation.mapper.class_)
    return targets


@cached_until_fields_change
def many_to_many(model: type) -> tuple[str, ...]:
    """Return the names of the many-to-many relationships of a model that its forms edit."""
    return tuple(
        relation.key
        for relation in inspect(model).relationships
        if relation.direction is RelationshipDirection.MANYTOMANY
        and not relation.viewonly
        and relation.key not in getattr(model, "__unlogged__", ())
    )


@cached_until_fields_change
def logged_columns(model: type) -> tuple[str, ...]:
    """Return the names of the column attributes of a model that are logged."""
    return tuple(
        attribute.key
        for attribute in inspect(model).column_attrs
        if attribute.key not in model.__unlogged__
    )
