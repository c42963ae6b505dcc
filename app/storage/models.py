"""Which columns of which models hold the name of a stored photo."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import Index, inspect, text


@lru_cache(maxsize=128)
def photo_fields(model: Any) -> tuple[str, ...]:
    """Return the names of a model's attributes that hold a photo's file name."""
    return tuple(
        attribute.key
        for attribute in inspect(model).column_attrs
        if attribute.columns[0].info.get("kind") == "photo"
    )


def models_with_photos() -> list[Any]:
    """Return every model that has a photo, in the order of their tables' names."""
    models = [mapper.class_ for mapper in Model.registry.mappers if photo_fields(mapper.class_)]
    return sorted(models, key=lambda model: model.__tablename__)


def photo_index(table: str, column: str) -> tuple[Index]:
    """Return the index for ``__table_args__`` by which the files without a row are found."""
    condition = text(f"{column} IS NOT NULL")
    name = f"ix_{table}_{column}"
    return (Index(name, column, sqlite_where=condition, postgresql_where=condition),)
