"""The fields of a file that can be imported and exported."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table

from app.fieldtypes import FieldType, Hints, get_field_type
from app.importexport.lookups import ByName, Lookup


class CsvField:
    """A column of a CSV file: its name on the command line, its label and its synonyms."""

    def __init__(self, name: str, label: Any, *synonyms: str, key: str | None = None) -> None:
        self.name = name
        self.label = label
        self.synonyms = synonyms
        # The attribute of the model that holds it.
        self.key = key or name


class ValueField(CsvField):
    """A field stored in a column of the model."""

    def __init__(self, name: str, attribute: Any, *synonyms: str, key: str | None = None) -> None:
        self.column: Column = attribute.property.columns[0]
        super().__init__(name, self.column.info["label"], *synonyms, key=key or attribute.key)
        self.field_type: FieldType = get_field_type(self.column)
        # The field with the country that a telephone or a province is read by.
        self.country_name: str = self.column.info.get("country", "country")
        # These have few distinct values: each is parsed once.
        self.is_cached = self.field_type.has_few_values

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
