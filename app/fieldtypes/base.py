"""The base of all field types, and how a value is parsed."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import sqlalchemy as sa
from flask_babel import gettext as _

from app import organisation
from app.errors import DomainError
from app.fieldtypes.sqltext import SqlHints
from app.i18n.formats import show_number
from app.text import clean


@dataclass(frozen=True)
class Hints:
    """The context a value is parsed in: country, order of day and month, form or file."""

    country: str = field(default_factory=organisation.country)
    day_first: bool = True
    # “,” or “.”; None in a file, where each number shows which it has.
    decimal_sign: str | None = None
    # As people type in a form: refuse a date in the other order, and what is not in a list that is
    # complete; a file keeps it as text.
    is_strict: bool = False


class FieldType:
    """Base of all field types, and the type of a plain line of text. Subclassing registers it.

    A subclass says all there is to know of its values: how they are parsed, shown, written to
    files, edited in forms, serialized in the API, filtered, sorted and shown in lists.
    ``name`` is what ``info["kind"]`` says. Its own methods are ``normalize``, ``read``,
    ``validate``, ``show``, ``write``, ``edit``, ``to_json`` and ``from_json``.
    """

    name: ClassVar[str] = "text"
    # SQL types whose columns have this field type without saying so; not inherited.
    sql_types: ClassVar[tuple[type, ...]] = ()
    # Which form field and which ``type`` of input it has; see crud/fields.py.
    form_field: ClassVar[str] = "typed"
    input_type: ClassVar[str] = "text"
    input_mode: ClassVar[str] = ""
    # Names of the filters of a list; see crud/filters.py.
    filters: ClassVar[tuple[str, ...]] = ("contains", "starts", "is", "empty", "filled")
    # How a list shows it; see crud/columns.py.
    shape: ClassVar[str] = "text"
    # Whether the values are compared as text: without accents and case.
    is_text: ClassVar[bool] = True
    # Whether it belongs to one row alone, so that a duplicate leaves it blank.
    identifies: ClassVar[bool] = False
    # Whether a file has few different values, each of which is parsed once.
    has_few_values: ClassVar[bool] = False
    # Said where a list cannot be sorted by it.
    why_not_sorted: ClassVar[Any] = ""
    json_type: ClassVar[str] = "string"
    json_format: ClassVar[str] = ""
    # Whether ``file_text`` needs no escape: no text begins as a formula does, or it is escaped.
    is_escaped: ClassVar[bool] = False
    # False for a class that writes values in Python alone: a file is then read cell by cell.
    is_written_in_sql: ClassVar[bool] = True

    registry: ClassVar[dict[str, type[FieldType]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            FieldType.registry[cls.name] = cls
        if "file_text" in vars(cls):
            cls.is_written_in_sql = True
        elif {"write", "write_label"} & vars(cls).keys():
            # What it inherits writes something else.
            cls.is_written_in_sql = False

    def __init__(self, column: sa.Column | None = None) -> None:
        self.column = column
        self.max_length = getattr(getattr(column, "type", None), "length", None)

    @property
    def info(self) -> dict[str, Any]:
        """Return the ``info`` of the column."""
        return {} if self.column is None else self.column.info

    def parse(self, typed: str, hints: Hints) -> Any:
        """Return the value of a typed text, or None if it is empty.

        Raise DomainError if the text is not a value of this type or is too long.
        """
        value = self.normalize(typed)
        if not value:
            return None
        value = self.read(value, hints)
        if isinstance(value, str) and self.max_length and len(value) > self.max_length:
            raise DomainError(
                _(
                    "Too long. The maximum is %(count)s characters.",
                    count=show_number(self.max_length),
                )
            )
        return value

    def normalize(self, typed: str) -> str:
        """Return the text with white space and characters cleaned up."""
        return clean(typed)

    def read(self, value: str, hints: Hints) -> Any:
        """Return the value of a normalized, non-empty text; raise DomainError if there is none."""
        return value

    def validate(self, value: Any) -> None:
        """Raise DomainError if a new value of the column cannot be true; filters accept it."""

    def show(self, value: Any) -> str:
        """Format a value for display."""
        return "" if value is None else str(value)

    def cell_extra(self, value: Any) -> Any:
        """Return what a cell of a list needs besides the formatted value."""
        return value

    def write(self, value: Any) -> str:
        """Format a value for a file, so that ``parse`` returns the same value again."""
        return "" if value is None else str(value)

    def write_label(self, value: Any, country: str | None) -> str:
        """Format a value for a file that people read, so that ``parse`` reads it in that country."""
        return self.write(value)

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        """Return what ``write_label`` writes as SQL, on both databases; None if it cannot be.

        Null and the empty text both mean an empty cell. A class with its own ``write`` or
        ``write_label`` needs its own ``file_text``.
        """
        return value if self._is_string else None

    def edit(self, value: Any) -> str:
        """Format a value for a form, so that ``parse`` returns the same value again."""
        return self.write(value)

    # The API and the log

    @property
    def takes_null(self) -> bool:
        """Return True if null empties a column of this type, be it nullable or not."""
        return self.column is None or bool(self.column.nullable) or self._is_string

    @property
    def _is_string(self) -> bool:
        return self.column is not None and isinstance(self.column.type, sa.String)

    def to_json(self, value: Any) -> Any:
        """Return a value as the API and the log write it."""
        return to_json(value)

    def from_json(self, value: Any) -> Any:
        """Return the value of what ``to_json`` wrote."""
        return value

    def form_text(self, value: Any) -> str:
        """Return what a form takes for a JSON value; raise DomainError if its type is wrong."""
        if not isinstance(value, str):
            raise DomainError(_("Send text."))
        return value

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is not null."""
        schema: dict[str, Any] = {"type": self.json_type}
        if self.json_format:
            schema["format"] = self.json_format
        if self.max_length:
            schema["maxLength"] = self.max_length
        return schema

    def describe(self) -> str:
        """Describe the values of the API in words."""
        if self.max_length:
            return _("text, up to %(count)s characters", count=show_number(self.max_length))
        return _("text")


FieldType.registry[FieldType.name] = FieldType


def to_json(value: Any) -> Any:
    """Return a JSON-serializable form of any stored value."""
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else value


def get_field_type(column: sa.Column) -> FieldType:
    """Return the field type of a column."""
    if name := column.info.get("kind"):
        return FieldType.registry[name](column)
    base = getattr(column.type, "impl", column.type)
    # A type decorator itself is asked for first: it hides the type it is stored as.
    for sql_type in (column.type, base):
        for field_type in FieldType.registry.values():
            if isinstance(sql_type, vars(field_type).get("sql_types", ())):
                return field_type(column)
    return FieldType(column)
