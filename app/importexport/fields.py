"""The fields of a file that can be imported and exported."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Column, Table, inspect

from app.added_fields import ComputedField, computed_fields, stored_fields
from app.fieldtypes import FieldType, Hints, get_field_type
from app.importexport.lookups import ByName, Lookup


class CsvField:
    """A column of a CSV file: its name on the command line, its label and its synonyms."""

    # False for what an export writes and no import reads.
    is_imported = True

    def __init__(self, name: str, label: Any, *synonyms: str, key: str | None = None) -> None:
        self.name = name
        self.label = label
        self.synonyms = synonyms
        # The attribute of the model that holds it.
        self.key = key or name

    def attribute(self, model: Any, actor: Any) -> Any:
        """Return the SQL expression of its values."""
        return getattr(model, self.key)


class ValueField(CsvField):
    """A field stored in a column of the model."""

    def __init__(self, name: str, attribute: Any, *synonyms: str, key: str | None = None) -> None:
        self.column: Column = attribute.property.columns[0]
        super().__init__(name, self.column.info["label"], *synonyms, key=key or attribute.key)
        self.field_type: FieldType = get_field_type(self.column)
        # These have few distinct values: each is parsed once.
        self.is_cached = self.field_type.has_few_values
        # A file has its name alone.
        self.is_imported = self.field_type.form_field != "file"

    @property
    def country_name(self) -> str:
        """Return the name of the field whose country a telephone or a province is read by."""
        return self.column.info.get("country", "country")

    def parse(self, cell: str, hints: Hints) -> Any:
        """Return the value of a cell; raise DomainError if it cannot be parsed or be true."""
        value = self.field_type.parse(cell, hints)
        if value is not None:
            self.field_type.validate(value)
        return value

    def write(self, value: Any, country: str | None) -> str:
        """Return the text of a value: its label where ``parse`` reads it back, else its raw form."""
        if value is None or value == "":
            return ""
        return self.field_type.write_label(value, country)


class ComputedValueField(ValueField):
    """A computed field that another room adds: an export writes it, no import reads it."""

    def __init__(self, computed: type[ComputedField]) -> None:
        CsvField.__init__(self, computed.name, computed.label)
        self.computed = computed
        self.column = computed.column()
        self.field_type = get_field_type(self.column)
        self.is_cached = self.field_type.has_few_values
        self.is_imported = False

    def attribute(self, model: Any, actor: Any) -> Any:
        return self.computed.expression(model, actor).label(self.key)


def stored_value_fields(model: Any) -> tuple[ValueField, ...]:
    """Return the fields of a file for the stored fields that rooms add to a model."""
    return tuple(
        ValueField(field.name, getattr(model, field.name), *field.synonyms)
        for field in stored_fields(model)
    )


def computed_value_fields(model: Any) -> tuple[ValueField, ...]:
    """Return the fields of an exported file for the computed fields that rooms add to a model."""
    return tuple(ComputedValueField(field) for field in computed_fields(model).values())


class KeyField(ValueField):
    """The id or the version of a row, by which an exported file finds its rows again.

    Neither is ever written: they say which stored row a row of the file is about, and whether that
    has changed since.
    """

    def __init__(self, name: str, label: Any, attribute: Any) -> None:
        self.column = attribute.property.columns[0]
        CsvField.__init__(self, name, label, key=attribute.key)
        self.field_type = get_field_type(self.column)
        self.is_cached = False


# Their headers are the same in every language.
ID, VERSION = "_id", "_version"


@lru_cache(maxsize=64)
def key_fields(model: Any) -> tuple[KeyField, ...]:
    """Return the fields of the id and the version of a row; none if a model has no version."""
    if "version" not in inspect(model).column_attrs:
        return ()
    return (
        KeyField(ID, _l("Internal number (_id)"), model.id),
        KeyField(VERSION, _l("Version (_version)"), model.version),
    )


def header(field: CsvField) -> str:
    """Return what the header of an exported column says."""
    return field.name if isinstance(field, KeyField) else str(field.label)


class AppendedField(ValueField):
    """A field appended to the value of another field: the second of two surnames."""

    def __init__(self, name: str, label: Any, attribute: Any, *synonyms: str) -> None:
        super().__init__(name, attribute, *synonyms)
        self.label = label


class ForeignKeyField(CsvField):
    """A field that names one row of another model (many-to-one)."""

    def __init__(
        self,
        name: str,
        relation: Any,
        lookup: type[Lookup],
        *synonyms: str,
        needs_known_value: bool = False,
    ) -> None:
        prop = relation.property
        super().__init__(
            name, prop.info["label"], *synonyms, key=next(iter(prop.local_columns)).key
        )
        self.model = prop.mapper.class_
        self.lookup = lookup
        # Only a column with at least one known value is mapped to the field by guessing.
        self.needs_known_value = needs_known_value
        # The other table may be too large to load: names are fetched by a join.
        self.is_joined = lookup is ByName


class ManyToManyField(CsvField):
    """A field that names several rows of another model (many-to-many)."""

    needs_known_value = True

    def __init__(self, name: str, relation: Any, lookup: type[Lookup], *synonyms: str) -> None:
        prop = relation.property
        super().__init__(name, prop.info["label"], *synonyms)
        self.model = prop.mapper.class_
        self.lookup = lookup
        self.table: Table = prop.secondary
        self.local_column: Column = self.table.c[prop.synchronize_pairs[0][1].name]
        self.remote_column: Column = self.table.c[prop.secondary_synchronize_pairs[0][1].name]
