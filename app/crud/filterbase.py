"""What every filter of a list is."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder.models.filters import BaseFilter
from flask_babel import gettext as _
from sqlalchemy import ColumnElement

from app.errors import DomainError
from app.text import clean

SEPARATOR = "__"
MOST_VALUES = 50


class BadFilter(DomainError):
    """The address asks for a filter that does not exist, or gives it a value it cannot have."""


class Filter(BaseFilter):
    """One condition on one attribute."""

    # How the value is asked for: text, day, whole, pick, choice, or none at all.
    asks: ClassVar[str] = "text"

    def read(self, raw: str) -> Any:
        """Return the value written in the address, or raise BadFilter."""
        value = clean(raw)
        if not value or len(value) > 200:
            raise BadFilter(_("This filter needs a value of at most 200 characters."))
        return value

    def clause(self, value: Any) -> ColumnElement[bool]:
        """Return the condition."""
        raise NotImplementedError

    def show(self, value: Any) -> str:
        """Write the value for the chip above the list."""
        return str(value)

    def apply(self, query, value):
        """Add the condition to a query; what Flask-AppBuilder calls."""
        return query.where(self.clause(value))

    @property
    def attribute(self):
        """Return the model's attribute."""
        return getattr(self.model, self.column_name)


class Valueless(Filter):
    """A condition that needs no value: is empty, is yes."""

    asks = "none"

    def read(self, raw: str) -> bool:
        """Take whatever stands in the address."""
        return True

    def show(self, value: Any) -> str:
        """Write nothing: the name of the filter says it all."""
        return ""
