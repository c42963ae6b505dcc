"""Base classes of the list filters."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder.models.filters import BaseFilter
from flask_babel import gettext as _
from sqlalchemy import ColumnElement

from app.errors import DomainError
from app.text import clean

SEPARATOR = "__"
MAX_VALUES = 50


class InvalidFilter(DomainError):
    """The query string names an unknown filter, or a value the filter cannot parse."""


class Filter(BaseFilter):
    """One condition on one attribute."""

    # The input of the filter dialog: text, day, whole, pick, choice, or none.
    asks: ClassVar[str] = "text"

    def read(self, raw: str) -> Any:
        """Parse the raw value of the query string; raise InvalidFilter."""
        value = clean(raw)
        if not value or len(value) > 200:
            raise InvalidFilter(_("This filter’s value can have up to 200 characters."))
        return value

    def encode(self, typed: str) -> str:
        """Return what was typed in the dialog as it stands in the address; raise InvalidFilter."""
        return typed

    def clause(self, value: Any) -> ColumnElement[bool]:
        """Return the SQL condition."""
        raise NotImplementedError

    def is_scan(self, value: Any) -> bool:
        """Return True if the condition reads every row: no index answers it."""
        return self.column_name in self.datamodel.computed

    def show(self, value: Any) -> str:
        """Format the value for the chip above the list."""
        return str(value)

    def apply(self, query, value):
        """Add the condition to a query; Flask-AppBuilder's interface."""
        return query.where(self.clause(value))

    @property
    def attribute(self):
        """Return the SQL expression of the attribute."""
        return self.datamodel.expression(self.column_name)


class NoValueFilter(Filter):
    """A filter without a value: is empty, is yes."""

    asks = "none"

    def read(self, raw: str) -> bool:
        """Accept any value."""
        return True

    def show(self, value: Any) -> str:
        """Return nothing: the name of the filter suffices."""
        return ""
