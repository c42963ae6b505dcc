"""The fields of two rows that a merge lets people choose between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Text, inspect
from sqlalchemy.orm import RelationshipDirection

from app.fieldtypes import Choices, get_field_type, to_json
from app.numbers.models import Numbered

# Whose value the row that stays gets.
OWN, OTHER, BOTH = "own", "other", "both"
# What stands between two texts that are put together.
SEPARATOR = "\n\n"


@dataclass(frozen=True)
class MergeField:
    """A field of both rows: the attribute that is written, and the one that is shown."""

    name: str
    shown: str
    column: Column

    @property
    def is_long(self) -> bool:
        """Return True for a text of several lines, or several choices: both may be kept."""
        return isinstance(self.column.type, Text)

    @property
    def is_file(self) -> bool:
        """Return True if it names a stored file, such as a photo."""
        return self.is_photo or self.column.info.get("kind") == "file"

    @property
    def is_photo(self) -> bool:
        """Return True for the key of a stored picture."""
        return self.column.info.get("kind") == "photo"

    @property
    def is_exclusive(self) -> bool:
        """Return True if two rows cannot have the same value: the other one loses it."""
        if self.column.unique or self.is_file:
            return True
        return any(
            index.unique and [column.name for column in index.columns] == [self.column.name]
            for index in self.column.table.indexes
        )

    def default_choice(self, survivor: Any, merged: Any) -> str:
        """Return whose value is proposed: the only one there is, else the survivor's own."""
        own, other = getattr(survivor, self.name), getattr(merged, self.name)
        if other in (None, "") or own == other:
            return OWN
        if own in (None, ""):
            return OTHER
        return BOTH if self.is_long else OWN

    def choices(self, survivor: Any, merged: Any) -> tuple[str, ...]:
        """Return what may be chosen."""
        own, other = getattr(survivor, self.name), getattr(merged, self.name)
        if own == other or (own in (None, "") and other in (None, "")):
            return (OWN,)
        may_combine = self.is_long and own and other
        if not self.column.nullable and other in (None, ""):
            return (OWN,)
        return (OWN, OTHER, BOTH) if may_combine else (OWN, OTHER)

    def value(self, survivor: Any, merged: Any, choice: str) -> Any:
        """Return the value that the row that stays gets by a choice."""
        own, other = getattr(survivor, self.name), getattr(merged, self.name)
        if choice == BOTH:
            field_type = get_field_type(self.column)
            if isinstance(field_type, Choices):
                return field_type.store([*field_type.codes(own), *field_type.codes(other)])
            return f"{own}{SEPARATOR}{other}"
        value = other if choice == OTHER else own
        is_own_model = any(
            key.column.table is survivor.__table__ for key in self.column.foreign_keys
        )
        # Nobody is their own line manager.
        return None if is_own_model and value in (survivor.id, merged.id) else value

    def to_json(self, value: Any) -> Any:
        """Return a value as the merge stores it."""
        return to_json(value)

    def from_json(self, value: Any) -> Any:
        """Return a value that a merge has stored."""
        return value if value is None else get_field_type(self.column).from_json(value)


def merge_fields(model: Any) -> list[MergeField]:
    """Return the fields of a model: its own columns and those that other rooms have added by now.

    Left out are what the program maintains, numbers of a series, and states.
    """
    mapper = inspect(model)
    links = {
        column: relation.key
        for relation in mapper.relationships
        if relation.direction is RelationshipDirection.MANYTOONE
        for column in relation.local_columns
    }
    left_out = {*model.__unlogged__, "state"}
    if issubclass(model, Numbered):
        left_out.add("number")
    columns = {
        attribute.key: attribute.columns[0]
        for attribute in mapper.column_attrs
        if attribute.key not in left_out and not attribute.columns[0].primary_key
    }
    return [
        MergeField(name, links.get(column, name), column)
        for name, column in columns.items()
        if column in links or "label" in column.info
    ]
