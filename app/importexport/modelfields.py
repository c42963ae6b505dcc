"""The fields that a file has for a model, taken from its columns and relations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import inspect

from app.added_fields import cached_until_fields_change
from app.importexport.fields import (
    CsvField,
    ForeignKeyField,
    ManyToManyField,
    ValueField,
    computed_value_fields,
    stored_value_fields,
)
from app.importexport.lookups import ByName, EntityLookup, Lookup, RepositoryLookup
from app.repositories.models import Repository


@cached_until_fields_change
def model_fields(model: Any) -> tuple[CsvField, ...]:
    """Return a field for each attribute with a label that a cell of text can hold.

    The name comes first, then columns, then relations, as the model declares them, and last what
    other rooms add; of that, an import reads no computed fields. An attribute's
    ``info["also_called"]`` holds its synonyms in the headers of files, ``info["full_label"]`` its
    label there, if it has another one in forms.
    """
    mapper = inspect(model)
    added = stored_value_fields(model)
    names = {field.name for field in added}
    own = [
        field
        for field in (*_value_fields(mapper), *_link_fields(mapper))
        if field.name not in names
    ]
    own.sort(key=lambda field: field.name != "name")
    return (*own, *added, *computed_value_fields(model))


def _value_fields(mapper: Any) -> Iterator[CsvField]:
    for prop in mapper.column_attrs:
        column = prop.columns[0]
        if "label" in column.info and not column.foreign_keys:
            field = ValueField(prop.key, prop.class_attribute, *_synonyms(column.info))
            field.label = column.info.get("full_label", field.label)
            if field.field_type.form_field != "photo":
                yield field


def _link_fields(mapper: Any) -> Iterator[CsvField]:
    for prop in mapper.relationships:
        lookup = _lookup(prop.mapper.class_)
        if lookup is None or "label" not in prop.info:
            continue
        synonyms = _synonyms(prop.info)
        is_value = lookup is RepositoryLookup
        if not prop.uselist:
            yield ForeignKeyField(
                prop.key, prop.class_attribute, lookup, *synonyms, needs_known_value=is_value
            )
        elif is_value and prop.secondary is not None:
            yield ManyToManyField(prop.key, prop.class_attribute, lookup, *synonyms)


def _synonyms(info: Any) -> tuple[str, ...]:
    return info.get("also_called", ())


def _lookup(model: Any) -> type[Lookup] | None:
    """Return how rows of a linked model are found by a text; None if they cannot be."""
    if issubclass(model, Repository):
        return RepositoryLookup
    if hasattr(model, "path"):
        return EntityLookup
    # The name of a person, of several columns, is not enough to find one.
    has_name = "name" in inspect(model).column_attrs
    return ByName if has_name and hasattr(model, "sort_name") else None
