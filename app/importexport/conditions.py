"""Select rows by ``field=value`` conditions of the command line, for exports and actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.fieldtypes import Hints
from app.importexport.column_mapping import find_field
from app.importexport.fields import CsvField, ForeignKeyField, ManyToManyField, ValueField
from app.importexport.importer import Importer
from app.importexport.lookups import ByName, EntityLookup, Lookup
from app.search.models import Searchable
from app.search.parsing import parse_query
from app.search.queries import search_condition
from app.security.actor import Actor
from app.security.scope import visible
from app.text import clean, fold


def select_where(
    session: Session, importer: Importer, conditions: Iterable[str], actor: Actor, country: str
) -> Select:
    """Select the visible rows that meet every condition; DomainError if one is wrong.

    Several values of one field are combined with OR, different fields with AND.
    """
    by_field: dict[str, list[str]] = {}
    for condition in conditions:
        name, separator, value = condition.partition("=")
        if not separator or not clean(value):
            raise DomainError(_("“%(text)s” must have the form field=value.", text=condition[:80]))
        by_field.setdefault(name.strip(), []).append(clean(value))
    query = visible(importer.model, actor)
    for name, values in by_field.items():
        if name == "q" and issubclass(importer.model, Searchable):
            for value in values:
                if not parse_query(value):
                    raise DomainError(_("“%(text)s” can’t be searched for.", text=value[:80]))
                query = query.where(search_condition(session, importer.model, value))
            continue
        field = find_field(importer.export_fields(), name)
        query = query.where(
            or_(*(_condition(session, importer.model, field, value, actor, country)
                  for value in values))
        )  # fmt: skip
    return query


def fields_named(importer: Importer, names: str) -> tuple[CsvField, ...]:
    """Return the fields of a comma-separated list of names; if it is empty, all fields."""
    fields = importer.export_fields()
    if not names.strip():
        return fields
    return tuple(dict.fromkeys(find_field(fields, name.strip()) for name in names.split(",")))


def describe_conditions(importer: Importer, conditions: Iterable[str]) -> str:
    """Return ``field=value`` conditions with the labels of the fields."""
    parts = []
    for condition in conditions:
        name, _separator, value = condition.partition("=")
        if name.strip() == "q":
            parts.append(f"“{clean(value)}”")
            continue
        field = find_field(importer.export_fields(), name.strip())
        parts.append(f"{field.label}: {clean(value)}")
    return " · ".join(parts)


def _condition(
    session: Session, model: Any, field: CsvField, value: str, actor: Actor, country: str
) -> ColumnElement[bool]:
    attribute = field.attribute(model, actor)
    if isinstance(field, ValueField):
        if field.field_type.is_text:
            return func.padron_fold(attribute) == fold(value)
        return attribute == field.parse(value, Hints(country))
    assert isinstance(field, ForeignKeyField | ManyToManyField)
    lookup: Lookup = field.lookup(session, field.model, actor, False)
    lookup.load([value])
    if isinstance(lookup, ByName):
        ids = {row.id for row in lookup.rows_by_key.get(lookup.key(value), ())}
        if not ids:
            lookup.find(value)
        return attribute.in_(ids)
    linked_id = lookup.find(value).id
    if isinstance(lookup, EntityLookup):
        # Those of an entity are also those of the entities below it.
        tree: Any = field.model
        path = session.scalar(select(tree.path).where(tree.id == linked_id)) or "/"
        return attribute.in_(select(tree.id).where(tree.path.startswith(path, autoescape=True)))
    if isinstance(field, ManyToManyField):
        return attribute.any(id=linked_id)
    return attribute == linked_id
