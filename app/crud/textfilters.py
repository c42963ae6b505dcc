"""List filters on texts, answered by an index wherever there is one.

A text that the search finds, too, is looked for in the search texts first, by their trigrams. Of
a column with an index and few different texts, such as the town, these are compared instead of
the rows.
"""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, or_

from app.crud.columnvalues import is_indexed, is_stored_in_order, list_values
from app.crud.filterbase import Filter, InvalidFilter
from app.extensions import db
from app.i18n.places import find_provinces
from app.search.models import Searchable
from app.search.queries import spelling_condition, text_condition
from app.text import digits, escape_like, fold, phone_digits

# How many different texts of a column are compared, and how many of them rows are looked up by:
# the rows of more are soon found one after the other.
MAX_COMPARED, MAX_MATCHING = 20_000, 1_000


class _SearchedFilter(Filter):
    """Compares a text that the search may find, too: its index then leaves few rows to compare."""

    @property
    def is_searched(self) -> bool:
        """Return True if the search finds rows by this column, through its trigram index."""
        if self.column_name in self.datamodel.computed:
            return False
        column = self.datamodel.column(self.column_name)
        return issubclass(self.model, Searchable) and bool(column.info.get("searched"))


class _TextFilter(_SearchedFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By the value of the filter: the texts that meet it. A page asks several times.
        self._matching: dict[str, list[str] | None] = {}

    def folded(self):
        """Return the folded attribute: lower case, without accents."""
        return func.padron_fold(self.attribute)

    def is_scan(self, value):
        # An index of trigrams finds no shorter text.
        return not self.is_searched or len(fold(value)) < 3

    def matches(self, folded: str, typed: str) -> bool:
        """Return True if a folded text meets the filter with a folded value."""
        raise NotImplementedError

    def condition(self, typed: str) -> ColumnElement[bool]:
        """Return the condition on the folded attribute, for a folded value."""
        raise NotImplementedError

    def clause(self, value):
        found = self._listed(value)
        if found is not None:
            return self.attribute.in_(found)
        condition = self.condition(fold(value))
        if not self.is_scan(value):
            condition = text_condition(db.session, self.model, value) & condition
        return condition

    def _listed(self, value: str) -> list[str] | None:
        """Return the different texts of a column with an index, such as towns, that meet a value.

        To compare these and look up their rows is cheaper than to compare the text of each row.
        None if the column has no such index, or too many texts.
        """
        if value not in self._matching:
            self._matching[value] = self._list(fold(value))
        return self._matching[value]

    def _list(self, typed: str) -> list[str] | None:
        # The indexes hold the rows that are not in the trash.
        if self.column_name in self.datamodel.computed or self.datamodel.with_trash:
            return None
        column = self.datamodel.column(self.column_name)
        if is_stored_in_order(column) or not is_indexed(column):
            return None
        known = list_values(db.session(), column, cap=MAX_COMPARED)
        found = (
            None if known is None else [text for text in known if self.matches(fold(text), typed)]
        )
        return None if found is None or len(found) > MAX_MATCHING else found


class Contains(_TextFilter):
    name = _l("contains")
    arg_name = "contains"

    def matches(self, folded, typed):
        return typed in folded

    def condition(self, typed):
        return self.folded().like(f"%{escape_like(typed)}%", escape="\\")


class HasDigits(_SearchedFilter):
    """Contains these digits of a telephone number, whatever its spacing."""

    name = _l("contains")
    arg_name = "contains"

    def is_scan(self, value):
        return not self.is_searched or any(len(found) < 3 for found in phone_digits(value))

    def read(self, raw):
        value = super().read(raw)
        if not digits(value):
            raise InvalidFilter(_("“%(value)s” is not a valid phone number.", value=value[:40]))
        return value

    def clause(self, value):
        spellings = phone_digits(value)
        condition = or_(*(self.attribute.like(f"%{found}%") for found in spellings))
        if not self.is_scan(value):
            condition = spelling_condition(db.session, self.model, spellings) & condition
        return condition


class InProvince(Contains):
    """Contains a part of the name of a province; the column stores its code."""

    def clause(self, value):
        codes = find_provinces(value)
        return or_(self.attribute.in_(codes), super().clause(value))


class StartsWith(_TextFilter):
    name = _l("starts with")
    arg_name = "starts"

    def matches(self, folded, typed):
        return folded.startswith(typed)

    def condition(self, typed):
        return self.folded().like(f"{escape_like(typed)}%", escape="\\")


class IsText(_TextFilter):
    name = _l("is")
    arg_name = "is"

    def matches(self, folded, typed):
        return folded == typed

    def condition(self, typed):
        return self.folded() == typed
