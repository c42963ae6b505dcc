"""Kinds of value: how each is read from what people type, and written for them to read.

Forms, filters, imports, exports and lists all ask here, so that a field behaves the same
wherever it appears. A column's kind is its ``info["kind"]``, else it follows from its type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from sqlalchemy import Boolean, Column, Date, DateTime, Integer, Numeric, Text

from app.errors import DomainError
from app.i18n.formats import show_date, show_moment, show_number
from app.i18n.languages import current_language
from app.i18n.places import country_name, find_country, find_province, province_name
from app.text import clean, clean_lines, fold


@dataclass(frozen=True)
class Hints:
    """What helps to read a value: where the organisation or the contact is."""

    country: str = "ES"
    day_first: bool = True


class Kind:
    """How values of one kind are read and written."""

    name: ClassVar[str] = "text"

    def __init__(self, column: Column | None = None) -> None:
        self.column = column
        self.longest = getattr(getattr(column, "type", None), "length", None)

    def parse(self, typed: str, hints: Hints) -> Any:
        """Return the value people meant; None for nothing; DomainError when it cannot be."""
        value = self.tidy(typed)
        if not value:
            return None
        value = self.read(value, hints)
        if isinstance(value, str) and self.longest and len(value) > self.longest:
            raise DomainError(
                _("Too long: %(count)s characters at most.", count=show_number(self.longest))
            )
        return value

    def tidy(self, typed: str) -> str:
        """Return ``typed`` as the house keeps text."""
        return clean(typed)

    def read(self, value: str, hints: Hints) -> Any:
        """Return the value written in ``value``, which is tidy and not empty."""
        return value

    def show(self, value: Any) -> str:
        """Write a value for a person to read."""
        return "" if value is None else str(value)

    def write(self, value: Any) -> str:
        """Write a value for a file, so that ``parse`` reads the same value again."""
        return "" if value is None else str(value)


class Lines(Kind):
    name = "lines"

    def tidy(self, typed: str) -> str:
        return clean_lines(typed)


class Email(Kind):
    name = "email"

    def read(self, value: str, hints: Hints) -> str:
        try:
            found = validate_email(value, check_deliverability=False)
        except EmailNotValidError:
            raise DomainError(
                _("“%(value)s” is not an e-mail address.", value=value[:80])
            ) from None
        # People type the same address in any case; one address is one address.
        return found.normalized.lower()


class Phone(Kind):
    name = "phone"

    def read(self, value: str, hints: Hints) -> str:
        number = read_phone(value, hints.country)
        if number is None:
            raise DomainError(_("“%(value)s” is not a telephone number.", value=value[:40]))
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return f"{written};ext={number.extension}" if number.extension else written

    def show(self, value: str | None) -> str:
        if not value:
            return ""
        return show_phone(value)

    def write(self, value: str | None) -> str:
        return value or ""


_ONLY_NUMBER = re.compile(r"^[+\d]")


def read_phone(value: str, country: str) -> phonenumbers.PhoneNumber | None:
    """Return the telephone number written in ``value``, or None."""
    main, _sep, extension = value.partition(";ext=")
    try:
        number = phonenumbers.parse(main, country)
    except phonenumbers.NumberParseException:
        return None
    if extension:
        number.extension = extension
    return number if phonenumbers.is_possible_number(number) else None


@lru_cache(maxsize=50_000)
def show_phone(value: str) -> str:
    """Write an E.164 number with the spaces its country uses."""
    try:
        number = phonenumbers.parse(value.replace(";ext=", " ext. "), None)
    except phonenumbers.NumberParseException:
        return value
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


class Url(Kind):
    name = "url"

    def read(self, value: str, hints: Hints) -> str:
        if "://" not in value:
            value = f"https://{value}"
        try:
            parts = urlsplit(value)
        except ValueError:  # half an IPv6 address
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or "." not in (parts.hostname or ""):
            raise DomainError(_("“%(value)s” is not a web address.", value=value[:80]))
        return value


class Day(Kind):
    name = "day"

    def read(self, value: str, hints: Hints) -> date:
        found = read_day(value, hints.day_first)
        if found is None:
            raise DomainError(
                _("“%(value)s” is not a date; write it as 2026-12-31.", value=value[:40])
            )
        return found

    def show(self, value: date | None) -> str:
        return show_date(value)

    def write(self, value: date | None) -> str:
        return value.isoformat() if value else ""


def read_day(value: str, day_first: bool) -> date | None:
    """Return the day written in ``value``: 2026-12-31, 31/12/2026, 12/31/2026, 31.12.2026."""
    value = value.partition("T")[0].partition(" ")[0]
    parts = re.split(r"[-/.]", value)
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    if len(parts[0]) == 4:
        year, month, day = map(int, parts)
    else:
        first, second, year = map(int, parts)
        if len(parts[2]) != 4:
            return None
        day, month = (first, second) if day_first or first > 12 else (second, first)
        if month > 12:
            day, month = month, day
    try:
        return date(year, month, day)
    except ValueError:
        return None


class When(Kind):
    name = "moment"

    def read(self, value: str, hints: Hints) -> datetime:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise DomainError(_("“%(value)s” is not a date and time.", value=value[:40])) from None

    def show(self, value: datetime | None) -> str:
        return show_moment(value)

    def write(self, value: datetime | None) -> str:
        return value.isoformat(timespec="seconds") if value else ""


class Whole(Kind):
    name = "whole"

    def read(self, value: str, hints: Hints) -> int:
        bare = value.removeprefix("-").removeprefix("+")
        if not bare.isascii() or not bare.isdigit() or len(bare) > 9:
            raise DomainError(_("“%(value)s” is not a whole number.", value=value[:40]))
        return int(value)

    def show(self, value: int | None) -> str:
        return show_number(value)


class Number(Kind):
    name = "number"

    def read(self, value: str, hints: Hints) -> Decimal:
        # The last of “,” and “.” is the decimal sign, as in 1.234,56 and 1,234.56.
        decimal_sign = max(",.", key=value.rfind)
        other = "." if decimal_sign == "," else ","
        plain = value.replace(other, "").replace(" ", "").replace(decimal_sign, ".")
        try:
            found = Decimal(plain)
        except InvalidOperation:
            found = Decimal("NaN")
        # An exponent that no column holds is a mistake, and costs the memory of its zeros.
        if not found.is_finite() or abs(found.adjusted()) > 15:
            raise DomainError(_("“%(value)s” is not a number.", value=value[:40]))
        return found

    def show(self, value: Decimal | None) -> str:
        return show_number(value)


class Flag(Kind):
    name = "flag"
    yes: ClassVar = {"1", "true", "yes", "y", "x", "on", "si", "s", "verdadero"}
    no: ClassVar = {"0", "false", "no", "n", "off", "falso"}

    def read(self, value: str, hints: Hints) -> bool:
        if (folded := fold(value)) in self.yes | self.no:
            return folded in self.yes
        raise DomainError(_("“%(value)s” is neither yes nor no.", value=value[:40]))

    def show(self, value: bool | None) -> str:
        return "" if value is None else _("Yes") if value else _("No")

    def write(self, value: bool | None) -> str:
        return "" if value is None else "1" if value else "0"


class Choice(Kind):
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
        raise DomainError(_("“%(value)s” is not one of the choices.", value=value[:80]))

    def show(self, value: str | None) -> str:
        return "" if value is None else str(self.choices.get(value, value))


class Colour(Choice):
    name = "colour"


class Country(Kind):
    name = "country"

    def read(self, value: str, hints: Hints) -> str:
        code = find_country(value)
        if code is None:
            raise DomainError(_("“%(value)s” is not a country.", value=value[:80]))
        return code

    def show(self, value: str | None) -> str:
        return country_name(value, current_language()) if value else ""


class Province(Kind):
    name = "province"

    def read(self, value: str, hints: Hints) -> str:
        return find_province(value, hints.country)

    def show(self, value: str | None) -> str:
        return province_name(value, current_language())


class Photo(Kind):
    name = "photo"


KINDS = {
    kind.name: kind
    for kind in (
        Kind, Lines, Email, Phone, Url, Day, When, Whole, Number, Flag, Choice, Colour,
        Country, Province, Photo,
    )
}  # fmt: skip

_BY_TYPE = (
    (Boolean, Flag),
    (Date, Day),
    (DateTime, When),
    (Integer, Whole),
    (Numeric, Number),
    (Text, Lines),
)


def kind_of(column: Column) -> Kind:
    """Return the kind of a column."""
    if named := column.info.get("kind"):
        return KINDS[named](column)
    base = getattr(column.type, "impl", column.type)
    if isinstance(column.type, DateTime) or isinstance(base, DateTime):
        return When(column)
    for type_, kind in _BY_TYPE:
        if isinstance(column.type, type_):
            return kind(column)
    return Kind(column)
