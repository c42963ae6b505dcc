"""Field types of numbers: whole and decimal numbers, money, quantities, percentages, durations."""

from __future__ import annotations

import decimal
import re
from typing import Any, ClassVar

import sqlalchemy as sa
from babel.numbers import get_currency_symbol
from flask_babel import gettext as _

from app import organisation, types
from app.errors import DomainError
from app.fieldtypes.base import FieldType, Hints
from app.fieldtypes.sqltext import SqlHints
from app.i18n.formats import (
    edit_number,
    show_duration,
    show_money,
    show_number,
    show_percent,
)

MAX_WHOLE = 999_999_999
_COMPARISONS = ("value", "at_least", "at_most", "empty", "filled")
_UNITS = re.compile(
    r"(?:(?P<hours>\d{1,6}) ?h(?:ours?|oras?|rs?)?)? ?(?:(?P<minutes>\d{1,6}) ?(?:m(?:in(?:ut[eo]s?|s?)?)?)?)?"
)


class Integer(FieldType):
    name = "whole"
    sql_types: ClassVar[tuple[type, ...]] = (sa.Integer,)
    form_field = "whole"
    input_type = "number"
    filters = _COMPARISONS[:3]
    shape = "number"
    is_text = False
    json_type = "integer"

    def read(self, value: str, hints: Hints) -> int:
        bare = value.removeprefix("-").removeprefix("+")
        if not bare.isascii() or not bare.isdigit() or len(bare) > 9:
            raise DomainError(_("“%(value)s” is not a whole number.", value=value[:40]))
        return int(value)

    def show(self, value: int | None) -> str:
        return show_number(value)

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        if self.column is None or not isinstance(self.column.type, sa.Integer):
            return None
        return sa.cast(value, sa.Text)

    def form_text(self, value: Any) -> str:
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not is_whole:
            raise DomainError(_("Send a whole number."))
        if abs(value) > MAX_WHOLE:
            raise DomainError(_("Send a smaller number."))
        return str(int(value))

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": -MAX_WHOLE, "maximum": MAX_WHOLE}

    def describe(self) -> str:
        return _("whole number")


class Decimal(FieldType):
    """A number with decimals, as people of the reader's language write it."""

    name = "number"
    sql_types = (sa.Numeric, types.Scaled)
    input_mode = "decimal"
    filters = _COMPARISONS
    shape = "number"
    is_text = False

    @property
    def places(self) -> int | None:
        """Return how many decimals a value may have; None if the column keeps them all."""
        column_type = None if self.column is None else self.column.type
        return column_type.scale if isinstance(column_type, types.Scaled) else None

    def read(self, value: str, hints: Hints) -> decimal.Decimal:
        number = parse_number(value, hints.decimal_sign)
        # Refuse a huge exponent: no column holds it, and formatting its zeros exhausts memory.
        if number is None or abs(number.adjusted()) > 15:
            raise DomainError(_("“%(value)s” is not a valid number.", value=value[:40]))
        if self.places is not None:
            # As the database returns it: the log would tell 21 and 21.00 apart.
            exact = number.quantize(decimal.Decimal(1).scaleb(-self.places))
            if exact != number:
                raise DomainError(self._too_many_decimals())
            if abs(number) >= decimal.Decimal(10) ** (18 - self.places):
                raise DomainError(_("“%(value)s” is too large.", value=value[:40]))
            return exact
        return number

    def _too_many_decimals(self) -> str:
        return _("Enter up to %(count)s decimals.", count=show_number(self.places))

    def show(self, value: decimal.Decimal | None) -> str:
        return show_number(value)

    def edit(self, value: decimal.Decimal | None) -> str:
        return edit_number(value)

    def write(self, value: decimal.Decimal | None) -> str:
        return "" if value is None else f"{value:f}"

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        if not self.places:
            return None
        # A sum is numeric on PostgreSQL, and would be divided with decimals.
        units = sa.cast(value, sa.BigInteger)
        unit, size = 10**self.places, sa.func.abs(units, type_=sa.BigInteger)
        sign = sa.case((units < 0, "-"), else_="")
        whole = sa.cast(size // unit, sa.Text)
        # The one in front keeps the zeros behind it.
        decimals = sa.func.substr(sa.cast(size % unit + unit, sa.Text), 2)
        return sign + whole + "." + decimals

    def to_json(self, value: Any) -> Any:
        return None if value is None else f"{value:f}"

    def from_json(self, value: Any) -> Any:
        return None if value is None else decimal.Decimal(value)

    def form_text(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise DomainError(_("Send a number, such as 12.5 or “12.50”."))
        if value == "":
            return ""
        try:
            number = decimal.Decimal(repr(value) if isinstance(value, float) else value)
        except decimal.InvalidOperation:
            number = decimal.Decimal("NaN")
        if not number.is_finite() or abs(number.adjusted()) > 15:
            raise DomainError(_("Send a number, such as 12.5 or “12.50”."))
        return edit_number(number)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^-?\d{1,16}(\.\d{1,16})?$"}

    def describe(self) -> str:
        return _("number")


class Quantity(Decimal):
    """How many of something: up to four decimals."""

    name = "quantity"


class Money(Decimal):
    """An amount in the organisation's currency, with its two decimals."""

    name = "money"

    def normalize(self, typed: str) -> str:
        bare, code = super().normalize(typed), organisation.currency()
        for sign in (get_currency_symbol(code, "en"), code):
            if bare.startswith(sign) or bare.endswith(sign):
                return bare.removeprefix(sign).removesuffix(sign).strip()
        return bare

    def show(self, value: decimal.Decimal | None) -> str:
        return show_money(value)

    def edit(self, value: decimal.Decimal | None) -> str:
        return edit_number(value, places=2)

    def describe(self) -> str:
        return _("amount, for example 1234.50")


class Percent(Decimal):
    """A percentage: 21 stands for 21 %."""

    name = "percent"

    def normalize(self, typed: str) -> str:
        return super().normalize(typed).removesuffix("%").strip()

    def show(self, value: decimal.Decimal | None) -> str:
        return show_percent(value)

    def describe(self) -> str:
        return _("percentage: 21 stands for 21 %%")


class Duration(Integer):
    """A length of time, in minutes."""

    name = "duration"
    form_field = "typed"
    input_type = "text"

    def read(self, value: str, hints: Hints) -> int:
        if found := re.fullmatch(r"(\d{1,5}):([0-5]\d)", value):
            return int(found[1]) * 60 + int(found[2])
        found = _UNITS.fullmatch(value.lower())
        if not found or not (found["hours"] or found["minutes"]):
            raise DomainError(
                _("“%(value)s” is not a duration. Enter it as 1:30 or 90 min.", value=value[:40])
            )
        return int(found["hours"] or 0) * 60 + int(found["minutes"] or 0)

    def show(self, value: int | None) -> str:
        return show_duration(value)

    def edit(self, value: int | None) -> str:
        return "" if value is None else f"{value // 60}:{value % 60:02}"

    def write(self, value: int | None) -> str:
        return "" if value is None else str(value)

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        return super().file_text(value, hints)

    def describe(self) -> str:
        return _("whole number of minutes")


def parse_number(text: str, decimal_sign: str | None) -> decimal.Decimal | None:
    """Return a number as it is written in a language, or None.

    ``decimal_sign`` is that of the reader's language. The other sign separates groups of three
    digits; anywhere else it can only be a decimal sign, as on a numeric keypad. Without a
    ``decimal_sign`` the last sign is the decimal one, unless it comes twice: 1.234.567.
    """
    plain = re.sub(r"(?<=\d)[ \u00a0\u202f'’](?=\d{3})", "", text).replace("−", "-")
    if not re.fullmatch(r"[+-]?[\d.,]*\d[.,]?", plain) or not plain.isascii():
        return None
    last = max(",.", key=plain.rfind)
    if decimal_sign is None:
        decimal_sign = last if plain.count(last) == 1 else ("," if last == "." else ".")
    group_sign = "." if decimal_sign == "," else ","
    if group_sign in plain:
        whole = plain.partition(decimal_sign)[0]
        if re.fullmatch(rf"[+-]?\d{{1,3}}(\{group_sign}\d{{3}})+", whole):
            if group_sign in plain.partition(decimal_sign)[2]:
                return None
            plain = plain.replace(group_sign, "")
        elif plain.count(group_sign) == 1 and decimal_sign not in plain:
            decimal_sign = group_sign
        else:
            return None
    try:
        number = decimal.Decimal(plain.replace(decimal_sign, "."))
    except decimal.InvalidOperation:
        return None
    return number if number.is_finite() else None
