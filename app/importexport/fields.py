"""The fields of a file that can be imported and exported."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table

from app.importexport.lookups import Named, Resolver
from app.fieldtypes import Hints, Kind, kind_of


class Field:
    """A field: its name on the command line, its label, what others call it."""

    def __init__(self, name: str, label: Any, *synonyms: str, key: str | None = None) -> None:
        self.name = name
        self.label = label
        self.synonyms = synonyms
        # The attribute of the model that holds it.
        self.key = key or name


class ValueField(Field):
    """A field that stands in a column of its own."""

    def __init__(self, name: str, attribute: Any, *synonyms: str, key: str | None = None) -> None:
        self.column: Column = attribute.property.columns[0]
        super().__init__(name, self.column.info["label"], *synonyms, key=key or attribute.key)
        self.kind: Kind = kind_of(self.column)
        # Few different values stand in these; each is read once.
        self.is_cached = self.kind.name in ("choice", "country", "province")

    def parse(self, cell: str, hints: Hints) -> Any:
        """Return the value of a cell; DomainError when it cannot be read."""
        return self.kind.parse(cell, hints)

    def write(self, value: Any, country: str | None) -> str:
        """Write a value so that ``parse`` reads the same again, as a person would if possible."""
        if value is None or value == "":
            return ""
        kind = self.kind.name
        if kind in ("choice", "country") or (kind == "province" and country):
            shown = self.kind.show(value)
            if self.kind.parse(shown, Hints(country=country or "")) == value:
                return shown
        return self.kind.write(value)


class MoreField(ValueField):
    """A column whose text stands behind that of another: the second of two surnames."""

    def __init__(self, name: str, label: Any, attribute: Any, *synonyms: str) -> None:
        super().__init__(name, attribute, *synonyms)
        self.label = label


class LinkField(Field):
    """A field that names one other row."""

    def __init__(
        self,
        name: str,
        relation: Any,
        resolver: type[Resolver],
        *synonyms: str,
        needs_known: bool = False,
    ) -> None:
        prop = relation.property
        super().__init__(
            name, prop.info["label"], *synonyms, key=next(iter(prop.local_columns)).key
        )
        self.model = prop.mapper.class_
        self.resolver = resolver
        # Guessed only for a column in which at least one value is known.
        self.needs_known = needs_known
        # There may be too many to load them all; names are joined in.
        self.is_joined = resolver is Named


class ManyField(Field):
    """A field that names many other rows."""

    needs_known = True

    def __init__(self, name: str, relation: Any, resolver: type[Resolver], *synonyms: str) -> None:
        prop = relation.property
        super().__init__(name, prop.info["label"], *synonyms)
        self.model = prop.mapper.class_
        self.resolver = resolver
        self.table: Table = prop.secondary
        self.near: Column = self.table.c[prop.synchronize_pairs[0][1].name]
        self.far: Column = self.table.c[prop.secondary_synchronize_pairs[0][1].name]
