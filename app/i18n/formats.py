"""Format dates, times and numbers for the reader."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

from babel import Locale, dates
from flask import has_request_context, request
from flask_babel import (
    format_currency,
    format_decimal,
    format_percent,
    format_timedelta,
    to_user_timezone,
)
from flask_babel import gettext as _

from app import organisation
from app.i18n.languages import current_language
from app.types import now

# English dates are British, unless the browser asks for American English first.
BRITISH, AMERICAN, SPANISH = Locale("en", "GB"), Locale("en", "US"), Locale("es")


def date_locale() -> Locale:
    """Return the locale whose order of day and month, and whose clock, the reader uses."""
    if current_language() == "es":
        return SPANISH
    if has_request_context():
        for value in request.accept_languages.values():
            if value.partition("-")[0].lower() == "en":
                return AMERICAN if value.lower() == "en-us" else BRITISH
    return BRITISH


def is_day_first() -> bool:
    """Return True if the reader writes the day before the month."""
    return date_locale() is not AMERICAN


def show_date(value: date | None) -> str:
    """Format a date: 14 Mar 1978; Mar 14, 1978 for Americans; 14 mar 1978."""
    if not value:
        return ""
    day = to_user_timezone(value) if isinstance(value, datetime) else value
    return dates.format_date(day, "medium", locale=date_locale())


def show_long_date(value: date) -> str:
    """Format a date in full: Thursday 26 November 2026; jueves, 26 de noviembre de 2026."""
    return dates.format_date(value, "full", locale=date_locale())


def show_month(value: date) -> str:
    """Format the month of a date: November 2026; noviembre de 2026."""
    return dates.format_skeleton("yMMMM", value, locale=date_locale())


def show_short_month(value: date) -> str:
    """Format the month of a date in three letters or so: Nov; nov."""
    return dates.format_date(value, "LLL", locale=date_locale())


def edit_date(value: date | None) -> str:
    """Format a date as the reader types it: 31/12/2026; 12/31/2026 for Americans."""
    if not value:
        return ""
    first, second = (value.day, value.month) if is_day_first() else (value.month, value.day)
    return f"{first:02}/{second:02}/{value.year:04}"


def date_pattern() -> str:
    """Return how the reader types a date: dd/mm/yyyy; mm/dd/yyyy for Americans."""
    return _("dd/mm/yyyy") if is_day_first() else "mm/dd/yyyy"


def show_datetime(value: datetime | None) -> str:
    """Format a date and time to the minute, in the organisation's time zone."""
    return _with_time(value, "short")


def show_exact(value: datetime | None) -> str:
    """Format a date and time to the second, in the organisation's time zone."""
    return _with_time(value, "medium")


def _with_time(value: datetime | None, length: str) -> str:
    if not value:
        return ""
    value, locale = to_user_timezone(value), date_locale()
    day = dates.format_date(value, "medium", locale=locale)
    return f"{day}, {dates.format_time(value, length, locale=locale)}"


def show_ago(value: datetime | None) -> str:
    """Format how long ago a time was: 2 hours ago, hace 2 horas."""
    if not value:
        return ""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    difference = value - now()
    if abs(difference.total_seconds()) < 60:
        return _("just now") if difference.total_seconds() <= 0 else _("in a moment")
    return format_timedelta(difference, add_direction=True, granularity="minute")


def show_number(value: int | float | Decimal | None) -> str:
    """Format a number: 12,480 in English, 12.480 in Spanish."""
    if isinstance(value, int):
        return _show_whole(value, current_language())
    return "" if value is None else format_decimal(value)


@lru_cache(maxsize=2_048)
def _show_whole(value: int, _language: str) -> str:
    return format_decimal(value)


def decimal_sign() -> str:
    """Return the decimal sign of the reader's language."""
    return "," if current_language() == "es" else "."


def edit_number(value: Decimal | None, places: int = 0) -> str:
    """Format a number as the reader types it, without groups: 1234,5; with so many decimals."""
    if value is None:
        return ""
    whole, _sign, decimals = f"{value:f}".partition(".")
    decimals = decimals.rstrip("0").ljust(places, "0")
    return f"{whole}{decimal_sign()}{decimals}" if decimals else whole


def show_money(value: Decimal | None) -> str:
    """Format an amount: €1,234.50; 1234,50 € in Spanish."""
    return "" if value is None else format_currency(value, organisation.currency())


def show_percent(value: Decimal | None) -> str:
    """Format a percentage: 21%; 21 % in Spanish."""
    if value is None:
        return ""
    pattern = "#,##0.####%" if current_language() == "en" else "#,##0.####\xa0%"
    return format_percent(value / 100, pattern)


def show_duration(value: int | None) -> str:
    """Format minutes: 1 h 30 min."""
    if value is None:
        return ""
    hours, minutes = divmod(value, 60)
    parts = [f"{show_number(hours)} h"] if hours else []
    return " ".join([*parts, f"{minutes} min"] if minutes or not hours else parts)


# Jinja filters.
FILTERS = {
    "day": show_date,
    "long_day": show_long_date,
    "moment": show_datetime,
    "exact": show_exact,
    "ago": show_ago,
    "number": show_number,
    "money": show_money,
    "percent": show_percent,
    "duration": show_duration,
}
