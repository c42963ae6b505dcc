"""Field types: parse what a user types, format a value for display and for files.

Forms, filters, imports, exports and lists all use them, so that a field behaves the same
wherever it appears. A column's field type is named by ``info["kind"]``; without it, it follows
from the column's SQL type.
"""

from __future__ import annotations

import datetime
import decimal
import re
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import phonenumbers
import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _

from app.errors import DomainError
from app.i18n.clock import today
from app.i18n.dates import parse_date
from app.i18n.formats import date_pattern, edit_date, show_date, show_datetime, show_number
from app.i18n.languages import current_language
from app.i18n.phones import parse_phone, show_phone
from app.i18n.places import (
    country_name,
    find_country,
    find_province,
    is_blank,
    is_closed,
    nearest_province,
    province_name,
)
from app.lookalikes import latinize
from app.text import clean, clean_identifier, clean_lines, fold

# Nobody alive was born before.
MIN_YEAR = 1900


@dataclass(frozen=True)
class Hints:
    """The context a value is parsed in: country, order of day and month, form or file."""

    country: str = "ES"
    day_first: bool = True
    # Refuse what is not in a list that is complete; a file keeps it as text.
    is_strict: bool = False


class FieldType:
    """Base of all field types, and the type of a plain line of text.

    A subclass overrides ``normalize`` and ``read`` to parse, ``show`` to display and ``write``
    to serialize a value. ``name`` is what ``info["kind"]`` says.
    """

    name: ClassVar[str] = "text"

    def __init__(self, column: sa.Column | None = None) -> None:
        self.column = column
        self.max_length = getattr(getattr(column, "type", None), "length", None)

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

    def write(self, value: Any) -> str:
        """Format a value for a file, so that ``parse`` returns the same value again."""
        return "" if value is None else str(value)

    def edit(self, value: Any) -> str:
        """Format a value for a form, so that ``parse`` returns the same value again."""
        return self.write(value)


class MultilineText(FieldType):
    name = "lines"

    def normalize(self, typed: str) -> str:
        return clean_lines(typed)


class Identifier(FieldType):
    """A name that tells rows apart, such as a user name: nothing in it is invisible."""

    name = "identifier"

    def normalize(self, typed: str) -> str:
        return clean_identifier(typed)


class Code(Identifier):
    """A number with letters, such as a member number: no look-alikes of Latin letters."""

    name = "code"

    def normalize(self, typed: str) -> str:
        return latinize(super().normalize(typed))


class Email(FieldType):
    name = "email"

    def read(self, value: str, hints: Hints) -> str:
        try:
            email = validate_email(value, check_deliverability=False)
        except EmailNotValidError:
            raise DomainError(
                _("“%(value)s” is not a valid e-mail address.", value=value[:80])
            ) from None
        # The same address is typed in any case; store it in one.
        return email.normalized.lower()


class Phone(FieldType):
    name = "phone"

    def read(self, value: str, hints: Hints) -> str:
        number = parse_phone(value, hints.country)
        if number is None:
            raise DomainError(_("“%(value)s” is not a valid phone number.", value=value[:40]))
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return f"{written};ext={number.extension}" if number.extension else written

    def show(self, value: str | None) -> str:
        if not value:
            return ""
        return show_phone(value)

    def edit(self, value: str | None) -> str:
        return self.show(value)

    def write(self, value: str | None) -> str:
        return value or ""


class Url(FieldType):
    name = "url"

    def read(self, value: str, hints: Hints) -> str:
        if "://" not in value:
            value = f"https://{value}"
        try:
            parts = urlsplit(value)
        except ValueError:  # half an IPv6 address
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or "." not in (parts.hostname or ""):
            raise DomainError(_("“%(value)s” is not a valid web address.", value=value[:80]))
        return value


class Date(FieldType):
    name = "day"

    def read(self, value: str, hints: Hints) -> datetime.date:
        day = parse_date(value, hints.day_first)
        if day is None:
            raise DomainError(invalid_date(value))
        return day

    def validate(self, value: datetime.date) -> None:
        """Refuse a date of birth before 1900 or in the future."""
        if self.column is None or not self.column.info.get("is_past"):
            return
        if value > today():
            raise DomainError(_("This date can’t be in the future."))
        if value.year < MIN_YEAR:
            raise DomainError(_("Enter a date from %(year)s onwards.", year=MIN_YEAR))

    def show(self, value: datetime.date | None) -> str:
        return show_date(value)

    def edit(self, value: datetime.date | None) -> str:
        return edit_date(value)

    def write(self, value: datetime.date | None) -> str:
        return value.isoformat() if value else ""


def invalid_date(value: str) -> str:
    """Return the sentence that a typed text is no date, and how the reader writes one."""
    return _(
        "“%(value)s” is not a valid date. Enter it as %(pattern)s.",
        value=value[:40], pattern=date_pattern(),
    )  # fmt: skip


class DateTime(FieldType):
    name = "moment"

    def read(self, value: str, hints: Hints) -> datetime.datetime:
        try:
            return datetime.datetime.fromisoformat(value)
        except ValueError:
            raise DomainError(
                _("“%(value)s” is not a valid date and time.", value=value[:40])
            ) from None

    def show(self, value: datetime.datetime | None) -> str:
        return show_datetime(value)

    def write(self, value: datetime.datetime | None) -> str:
        return value.isoformat(timespec="seconds") if value else ""


class Integer(FieldType):
    name = "whole"

    def read(self, value: str, hints: Hints) -> int:
        bare = value.removeprefix("-").removeprefix("+")
        if not bare.isascii() or not bare.isdigit() or len(bare) > 9:
            raise DomainError(_("“%(value)s” is not a whole number.", value=value[:40]))
        return int(value)

    def show(self, value: int | None) -> str:
        return show_number(value)


class Decimal(FieldType):
    name = "number"

    def read(self, value: str, hints: Hints) -> decimal.Decimal:
        # The last of “,” and “.” is the decimal sign, as in 1.234,56 and 1,234.56.
        decimal_sign = max(",.", key=value.rfind)
        other = "." if decimal_sign == "," else ","
        plain = value.replace(other, "").replace(" ", "").replace(decimal_sign, ".")
        try:
            number = decimal.Decimal(plain)
        except decimal.InvalidOperation:
            number = decimal.Decimal("NaN")
        # Refuse a huge exponent: no column holds it, and formatting its zeros exhausts memory.
        if not number.is_finite() or abs(number.adjusted()) > 15:
            raise DomainError(_("“%(value)s” is not a valid number.", value=value[:40]))
        return number

    def show(self, value: decimal.Decimal | None) -> str:
        return show_number(value)


class Boolean(FieldType):
    name = "flag"
    yes: ClassVar = {"1", "true", "yes", "y", "x", "on", "si", "s", "verdadero"}
    no: ClassVar = {"0", "false", "no", "n", "off", "falso"}

    def read(self, value: str, hints: Hints) -> bool:
        if (folded := fold(value)) in self.yes | self.no:
            return folded in self.yes
        raise DomainError(_("“%(value)s” is not a valid answer. Use yes or no.", value=value[:40]))

    def show(self, value: bool | None) -> str:
        return "" if value is None else _("Yes") if value else _("No")

    def write(self, value: bool | None) -> str:
        return "" if value is None else "1" if value else "0"


class Choice(FieldType):
    name = "choice"

    @property
    def choices(self) -> dict[str, Any]:
        """Return code → label."""
        return self._info["choices"]

    @property
    def _info(self) -> dict[str, Any]:
        return {} if self.column is None else self.column.info

    def read(self, value: str, hints: Hints) -> str:
        wanted = fold(value).rstrip(".")
        for code, label in self.choices.items():
            also = self._info.get("also", {}).get(code, ())
            if wanted in {fold(code), *(fold(str(known)).rstrip(".") for known in (label, *also))}:
                return code
        raise DomainError(_("“%(value)s” is not a valid option.", value=value[:80]))

    def show(self, value: str | None) -> str:
        return "" if value is None else str(self.choices.get(value, value))


class Colour(Choice):
    name = "colour"


class Country(FieldType):
    name = "country"

    def read(self, value: str, hints: Hints) -> str:
        code = find_country(value)
        if code is None:
            raise DomainError(_("“%(value)s” is not a valid country.", value=value[:80]))
        return code

    def show(self, value: str | None) -> str:
        return country_name(value, current_language()) if value else ""


class Postcode(FieldType):
    name = "postcode"

    def read(self, value: str, hints: Hints) -> str:
        # Spreadsheets drop the zero that begins the postcodes of nine Spanish provinces.
        is_cut = hints.country == "ES" and re.fullmatch(r"[1-9][0-9]{3}", value)
        return f"0{value}" if is_cut else value


class Province(FieldType):
    name = "province"

    def read(self, value: str, hints: Hints) -> str | None:
        if code := find_province(value, hints.country):
            return code
        if is_blank(value):
            return None
        if hints.is_strict and is_closed(hints.country):
            raise DomainError(_unknown_province(value[:80], hints.country))
        return value

    def show(self, value: str | None) -> str:
        return province_name(value, current_language())

    def edit(self, value: str | None) -> str:
        return self.show(value)


def _unknown_province(value: str, country: str) -> str:
    name = country_name(country, current_language())
    if nearest := nearest_province(value, country, current_language()):
        return _(
            "“%(value)s” is not a province of %(country)s. Did you mean %(name)s?",
            value=value, country=name, name=nearest,
        )  # fmt: skip
    return _(
        "“%(value)s” is not a province of %(country)s. Choose one from the list, or another country.",
        value=value, country=name,
    )  # fmt: skip


class Photo(FieldType):
    name = "photo"


FIELD_TYPES = {
    field_type.name: field_type
    for field_type in (
        FieldType, MultilineText, Identifier, Code, Email, Phone, Url, Date, DateTime, Integer, Decimal, Boolean,
        Choice, Colour, Country, Postcode, Province, Photo,
    )
}  # fmt: skip

_BY_SQL_TYPE = (
    (sa.Boolean, Boolean),
    (sa.Date, Date),
    (sa.DateTime, DateTime),
    (sa.Integer, Integer),
    (sa.Numeric, Decimal),
    (sa.Text, MultilineText),
)


def get_field_type(column: sa.Column) -> FieldType:
    """Return the field type of a column."""
    if name := column.info.get("kind"):
        return FIELD_TYPES[name](column)
    base = getattr(column.type, "impl", column.type)
    if isinstance(column.type, sa.DateTime) or isinstance(base, sa.DateTime):
        return DateTime(column)
    for sql_type, field_type in _BY_SQL_TYPE:
        if isinstance(column.type, sql_type):
            return field_type(column)
    return FieldType(column)
