"""The kinds of custom fields, and the columns, called slots, that their values are stored in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, Date, String, Text

from app.types import Quantity

# The prefix of the columns; what follows is the slot.
COLUMN_PREFIX = "custom_"
# The most fields of a model that have an index: each is written with every new row.
MAX_INDEXES = 12


@dataclass(frozen=True)
class FieldKind:
    """A kind of custom field: its slots, and the field type of its values."""

    name: str
    label: Any
    # The first letter of its slots, and how many there are in each table.
    letter: str
    slots: int
    make_type: Callable[[], Any]
    # The name of the field type; "" if it follows from the type of the column.
    field_type: str = ""
    has_options: bool = False
    # Whether a list can be sorted by it.
    is_sortable: bool = True

    @property
    def is_file(self) -> bool:
        """Return True if its values name stored files, which are no other value."""
        return self.field_type == "file"

    def slot_names(self) -> list[str]:
        """Return the slots, such as “t01”, in the order in which they are given out."""
        return [f"{self.letter}{number:02}" for number in range(1, self.slots + 1)]


KINDS: dict[str, FieldKind] = {
    kind.name: kind
    for kind in (
        FieldKind("text", _l("Text"), "t", 24, lambda: String(255)),
        FieldKind("lines", _l("Text of several lines"), "l", 6, Text, "lines", is_sortable=False),
        FieldKind("number", _l("Number"), "n", 16, Quantity, "quantity"),
        FieldKind("flag", _l("Yes or no"), "f", 16, Boolean, "answer"),
        FieldKind("date", _l("Date"), "d", 16, Date),
        FieldKind("choice", _l("Choice"), "c", 20, lambda: String(12), "choice", True),
        FieldKind(
            "choices", _l("Multiple choice"), "m", 12, Text, "choices", True, is_sortable=False
        ),
        FieldKind("file", _l("File"), "u", 8, lambda: String(255), "file", is_sortable=False),
    )
}


def slot_columns() -> dict[str, Callable[[], Any]]:
    """Return the type of each slot's column by its name."""
    return {
        COLUMN_PREFIX + slot: kind.make_type
        for kind in KINDS.values()
        for slot in kind.slot_names()
    }
