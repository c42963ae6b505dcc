"""List filters by type of column; Flask-AppBuilder's FilterConverter maps them.

The query string names a filter by attribute and operator, never by its index, so that saved
URLs stay valid: ``status__is=3,5``, ``last_name__contains=garcía``.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, ClassVar

from flask_appbuilder.models.filters import BaseFilterConverter
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import String, and_, or_

from app import organisation
from app.crud.filterbase import MAX_VALUES, Filter, InvalidFilter, NoValueFilter
from app.crud.linkfilters import (
    HasAnyOf,
    HasNoneOf,
    HasNoRelated,
    IsDescendant,
    IsNotRelated,
    IsRelated,
    IsUnrelated,
)
from app.crud.textfilters import Contains, HasDigits, InProvince, IsText, StartsWith
from app.errors import DomainError
from app.fieldtypes import Hints, invalid_date
from app.i18n.clock import today
from app.i18n.dates import parse_date
from app.i18n.formats import decimal_sign, is_day_first, show_date, show_number
from app.text import clean

# As far as a filter looks ahead: ten years.
MAX_DAYS = 3_660


class _EmptinessFilter(NoValueFilter):
    filled: ClassVar[bool]

    def clause(self, value):
        is_empty = self.attribute.is_(None)
        column = self.datamodel.column(self.column_name)
        if isinstance(column.type, String):
            is_empty = or_(is_empty, self.attribute == "")
        return ~is_empty if self.filled else is_empty


class IsEmpty(_EmptinessFilter):
    name = _l("is empty")
    arg_name = "empty"
    filled = False


class IsFilled(_EmptinessFilter):
    name = _l("is not empty")
    arg_name = "filled"
    filled = True


class _ComparisonFilter(Filter):
    """Compares with one value; in an address it stands as the field type writes it in a file."""

    @property
    def asks(self):
        is_whole = self.field_type.form_field == "whole"
        return "whole" if is_whole else "number"

    @property
    def field_type(self):
        """Return the field type of the attribute."""
        return self.datamodel.field_type(self.column_name)

    def _parse(self, text, hints):
        try:
            value = self.field_type.parse(text, hints)
        except DomainError as error:
            raise InvalidFilter(str(error)) from None
        if value is None:
            raise InvalidFilter(_("This filter needs a value."))
        return value

    def read(self, raw):
        return self._parse(raw, Hints(decimal_sign="."))

    def encode(self, typed):
        hints = Hints(day_first=is_day_first(), decimal_sign=decimal_sign(), is_strict=True)
        return self.field_type.write(self._parse(typed, hints))

    def show(self, value):
        return self.field_type.show(value)


class IsValue(_ComparisonFilter):
    name = _l("is")
    arg_name = "is"

    def clause(self, value):
        return self.attribute == value


class AtLeast(_ComparisonFilter):
    name = _l("is at least")
    arg_name = "from"

    def clause(self, value):
        return self.attribute >= value


class AtMost(_ComparisonFilter):
    name = _l("is at most")
    arg_name = "to"

    def clause(self, value):
        return self.attribute <= value


class OnDate(IsValue):
    name = _l("is on")
    asks = "day"


class FromDate(AtLeast):
    name = _l("is on or after")
    asks = "day"


class ToDate(AtMost):
    name = _l("is on or before")
    asks = "day"


class _DateTimeFilter(Filter):
    asks = "day"

    def read(self, raw):
        day = parse_date(clean(raw), day_first=True)
        if day is None or not 1900 <= day.year <= 9998:
            raise InvalidFilter(invalid_date(clean(raw)))
        return day

    def encode(self, typed):
        day = parse_date(clean(typed), is_day_first(), is_strict=True)
        if day is None:
            raise InvalidFilter(invalid_date(clean(typed)))
        return day.isoformat()

    def show(self, value):
        return show_date(value)

    def midnight(self, day):
        """Return the start of a day in the organisation's time zone."""
        return datetime.combine(day, time(), organisation.time_zone())


class OnOrAfter(_DateTimeFilter):
    name = _l("is on or after")
    arg_name = "from"

    def clause(self, value):
        return self.attribute >= self.midnight(value)


class OnOrBefore(_DateTimeFilter):
    name = _l("is on or before")
    arg_name = "to"

    def clause(self, value):
        return self.attribute < self.midnight(value + timedelta(days=1))


class Expired(NoValueFilter):
    name = _l("has expired")
    arg_name = "expired"

    def clause(self, value):
        field_type = self.datamodel.field_type(self.column_name)
        return self.attribute < field_type.first_valid(today())


class ExpiresWithin(Filter):
    name = _l("expires within (days)")
    arg_name = "within"
    asks = "whole"

    def read(self, raw):
        text = clean(raw)
        if not text.isascii() or not text.isdigit() or int(text) > MAX_DAYS:
            raise InvalidFilter(
                _("Enter a number of days, up to %(most)s.", most=show_number(MAX_DAYS))
            )
        return int(text)

    def clause(self, value):
        field_type = self.datamodel.field_type(self.column_name)
        first = field_type.first_valid(today())
        after = field_type.first_valid(today() + timedelta(days=value + 1))
        return and_(self.attribute >= first, self.attribute < after)


class IsTrue(NoValueFilter):
    name = _l("is yes")
    arg_name = "yes"

    def clause(self, value):
        return self.attribute.is_(True)


class IsFalse(IsTrue):
    name = _l("is no")
    arg_name = "no"

    def clause(self, value):
        return or_(self.attribute.is_(False), self.attribute.is_(None))


class _ChoiceFilter(Filter):
    asks = "choice"

    def options(self) -> dict[str, str]:
        """Return the choices as {code: label}."""
        return self.datamodel.field_type(self.column_name).options()

    def read(self, raw):
        codes = raw.split(",")
        if not set(codes) <= set(self.options()) or len(codes) > MAX_VALUES:
            raise InvalidFilter(_("“%(value)s” is not a valid option.", value=clean(raw)[:80]))
        return codes

    def show(self, value):
        options = self.options()
        return ", ".join(options[code] for code in value)


class IsChoice(_ChoiceFilter):
    name = _l("is")
    arg_name = "is"

    def clause(self, value):
        return self.attribute.in_(value)


class IsNotChoice(_ChoiceFilter):
    name = _l("is not")
    arg_name = "not"

    def clause(self, value):
        return or_(self.attribute.not_in(value), self.attribute.is_(None))


class HasChoice(_ChoiceFilter):
    name = _l("include any of")
    arg_name = "is"

    def is_scan(self, value):
        return True

    def clause(self, value):
        return or_(*(self.attribute.contains(f"|{code}|", autoescape=True) for code in value))


class HasNoChoice(HasChoice):
    name = _l("include none of")
    arg_name = "not"

    def clause(self, value):
        return or_(self.attribute.is_(None), ~super().clause(value))


class IsExactlyFalse(IsTrue):
    name = _l("is no")
    arg_name = "no"

    def clause(self, value):
        return self.attribute.is_(False)


# The filters that field types name.
FILTERS: dict[str, type[Filter]] = {
    "contains": Contains, "digits": HasDigits, "in_province": InProvince, "starts": StartsWith,
    "is": IsText, "empty": IsEmpty, "filled": IsFilled, "value": IsValue, "at_least": AtLeast,
    "at_most": AtMost, "on_date": OnDate, "from_date": FromDate, "to_date": ToDate,
    "from_day": OnOrAfter, "to_day": OnOrBefore, "yes": IsTrue, "no": IsFalse,
    "expired": Expired, "expires_within": ExpiresWithin, "choice": IsChoice, "not_choice": IsNotChoice, "has_choice": HasChoice,
    "has_no_choice": HasNoChoice, "answered_no": IsExactlyFalse,
}  # fmt: skip


class FilterConverter(BaseFilterConverter):
    """Return the filters of an attribute: those of its field type, or of a relation."""

    # Flask-AppBuilder requires it; ``convert`` does not read it.
    conversion_table: ClassVar[Any] = ()

    def convert(self, col_name: str) -> list[Filter]:
        """Return the filters of an attribute, each over the model."""
        datamodel: Any = self.datamodel
        if datamodel.is_relation_many_to_one(col_name):
            found = [IsRelated, IsNotRelated]
            is_tree = datamodel.is_tree(col_name)
            found = [IsDescendant, *found] if is_tree else [*found, IsUnrelated]
        elif datamodel.is_relation_many_to_many(col_name):
            found = [HasAnyOf, HasNoneOf, HasNoRelated]
        elif datamodel.is_relation(col_name) or datamodel.is_json(col_name):
            found = []
        else:
            found = [FILTERS[name] for name in datamodel.field_type(col_name).filters]
        return [filter_(col_name, datamodel) for filter_ in found]
