"""Filters of a list: which an attribute has follows from the model, as Flask-AppBuilder does it.

A filter stands in the address by attribute and operator, never by its place in a list, so that
a saved address keeps its meaning: ``status__is=3,5``, ``last_name__contains=garcía``.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask import current_app
from flask_appbuilder.models.filters import BaseFilterConverter
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import String, func, or_

from app.crud.filterbase import MOST_VALUES, SEPARATOR, BadFilter, Filter, Valueless
from app.crud.linkfilters import (
    HasAny,
    HasNone,
    HasNothing,
    IsLinked,
    IsNotLinked,
    IsUnder,
    IsUnlinked,
)
from app.errors import DomainError
from app.extensions import db
from app.i18n.formats import show_date
from app.i18n.languages import current_language
from app.i18n.places import countries, provinces_called
from app.fieldtypes import Hints, kind_of, read_day
from app.search.models import Searchable
from app.search.queries import matching, words
from app.text import clean, digits, fold, like

__all__ = ["SEPARATOR", "BadFilter", "Filter", "FilterConverter", "find_filter"]


class _Text(Filter):
    def folded(self):
        """Return the attribute as the search compares it."""
        return func.padron_fold(self.attribute)


class Contains(_Text):
    name = _l("contains")
    arg_name = "contains"

    def clause(self, value):
        pattern = f"%{like(fold(value))}%"
        condition = self.folded().like(pattern, escape="\\")
        column = self.datamodel.column(self.column_name)
        is_searched = issubclass(self.model, Searchable) and column.info.get("searched")
        if is_searched and words(value):
            # The trigram index leaves few rows for the exact comparison.
            condition = matching(db.session, self.model, value) & condition
        return condition


class HasDigits(Filter):
    """Part of a telephone number, however it is spaced."""

    name = _l("contains")
    arg_name = "contains"

    def read(self, raw):
        value = super().read(raw)
        if not digits(value):
            raise BadFilter(_("“%(value)s” is not a telephone number.", value=value[:40]))
        return value

    def clause(self, value):
        return self.attribute.like(f"%{digits(value).removeprefix('00')}%")


class InProvince(Contains):
    """Part of the name of a province, which is kept by its code."""

    def clause(self, value):
        codes = provinces_called(value, current_language())
        return or_(self.attribute.in_(codes), super().clause(value))


class StartsWith(_Text):
    name = _l("starts with")
    arg_name = "starts"

    def clause(self, value):
        return self.folded().like(f"{like(fold(value))}%", escape="\\")


class IsText(_Text):
    name = _l("is")
    arg_name = "is"

    def clause(self, value):
        return self.folded() == fold(value)


class _Empty(Valueless):
    filled: ClassVar[bool]

    def clause(self, value):
        nothing = self.attribute.is_(None)
        column = self.datamodel.column(self.column_name)
        if isinstance(column.type, String):
            nothing = or_(nothing, self.attribute == "")
        return ~nothing if self.filled else nothing


class IsEmpty(_Empty):
    name = _l("is empty")
    arg_name = "empty"
    filled = False


class IsFilled(_Empty):
    name = _l("is filled in")
    arg_name = "filled"
    filled = True


class _Ordered(Filter):
    def read(self, raw):
        column = self.datamodel.column(self.column_name)
        try:
            value = kind_of(column).parse(raw, Hints())
        except DomainError as error:
            raise BadFilter(str(error)) from None
        if value is None:
            raise BadFilter(_("This filter needs a value."))
        return value

    def show(self, value):
        return kind_of(self.datamodel.column(self.column_name)).show(value)


class IsValue(_Ordered):
    name = _l("is")
    arg_name = "is"
    asks = "whole"

    def clause(self, value):
        return self.attribute == value


class AtLeast(_Ordered):
    name = _l("is at least")
    arg_name = "from"
    asks = "whole"

    def clause(self, value):
        return self.attribute >= value


class AtMost(_Ordered):
    name = _l("is at most")
    arg_name = "to"
    asks = "whole"

    def clause(self, value):
        return self.attribute <= value


class OnDay(IsValue):
    name = _l("is on")
    asks = "day"


class FromDay(AtLeast):
    name = _l("is on or after")
    asks = "day"


class ToDay(AtMost):
    name = _l("is on or before")
    asks = "day"


class _Moment(Filter):
    asks = "day"

    def read(self, raw):
        day = read_day(clean(raw), day_first=True)
        if day is None or not 1900 <= day.year <= 9998:
            raise BadFilter(
                _("“%(value)s” is not a date; write it as 2026-12-31.", value=clean(raw)[:40])
            )
        return day

    def show(self, value):
        return show_date(value)

    def midnight(self, day):
        """Return the moment a day begins where the organisation is."""
        zone = ZoneInfo(current_app.config["TIMEZONE"])
        return datetime.combine(day, time(), zone)


class FromMoment(_Moment):
    name = _l("is on or after")
    arg_name = "from"

    def clause(self, value):
        return self.attribute >= self.midnight(value)


class ToMoment(_Moment):
    name = _l("is on or before")
    arg_name = "to"

    def clause(self, value):
        return self.attribute < self.midnight(value + timedelta(days=1))


class IsYes(Valueless):
    name = _l("is yes")
    arg_name = "yes"

    def clause(self, value):
        return self.attribute.is_(True)


class IsNo(IsYes):
    name = _l("is no")
    arg_name = "no"

    def clause(self, value):
        return or_(self.attribute.is_(False), self.attribute.is_(None))


class _Codes(Filter):
    asks = "choice"

    def options(self) -> dict[str, str]:
        """Return code → label of everything that can be chosen."""
        info = self.datamodel.info_of(self.column_name)
        if info.get("kind") == "country":
            return dict(countries(current_language()))
        return {code: str(label) for code, label in info["choices"].items()}

    def read(self, raw):
        codes = raw.split(",")
        if not set(codes) <= set(self.options()) or len(codes) > MOST_VALUES:
            raise BadFilter(_("“%(value)s” is not one of the choices.", value=clean(raw)[:80]))
        return codes

    def show(self, value):
        options = self.options()
        return ", ".join(options[code] for code in value)


class IsCode(_Codes):
    name = _l("is")
    arg_name = "is"

    def clause(self, value):
        return self.attribute.in_(value)


class IsNotCode(_Codes):
    name = _l("is not")
    arg_name = "not"

    def clause(self, value):
        return or_(self.attribute.not_in(value), self.attribute.is_(None))


class FilterConverter(BaseFilterConverter):
    """Which filters an attribute has, by what it is."""

    conversion_table: ClassVar[Any] = (
        ("is_tree", [IsUnder, IsLinked, IsNotLinked]),
        ("is_relation_many_to_one", [IsLinked, IsNotLinked, IsUnlinked]),
        ("is_relation_many_to_many", [HasAny, HasNone, HasNothing]),
        ("is_relation", []),
        ("is_choice", [IsCode, IsNotCode, IsEmpty, IsFilled]),
        ("is_country", [IsCode, IsNotCode, IsEmpty, IsFilled]),
        ("is_phone", [HasDigits, IsEmpty, IsFilled]),
        ("is_province", [InProvince, IsEmpty, IsFilled]),
        ("is_json", []),
        ("is_boolean", [IsYes, IsNo]),
        ("is_datetime", [FromMoment, ToMoment]),
        ("is_date", [FromDay, ToDay, OnDay, IsEmpty, IsFilled]),
        ("is_integer", [IsValue, AtLeast, AtMost]),
        ("is_numeric", [IsValue, AtLeast, AtMost]),
        ("is_text", [Contains, IsEmpty, IsFilled]),
        ("is_string", [Contains, StartsWith, IsText, IsEmpty, IsFilled]),
    )


def find_filter(datamodel, search_columns: list[str], name: str) -> Filter:
    """Return the filter that a name in the address, such as ``status__is``, stands for."""
    column, _sep, operator = name.rpartition(SEPARATOR)
    if column in search_columns:
        for filter_ in FilterConverter(datamodel).convert(column) or ():
            if filter_.arg_name == operator:
                return filter_
    raise BadFilter(_("There is no filter “%(name)s”.", name=clean(name)[:80]))
