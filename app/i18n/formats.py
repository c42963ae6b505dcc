"""Format dates, times and numbers in the reader's language."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from flask_babel import format_date, format_datetime, format_decimal, format_timedelta

from app.types import now


def show_date(value: date | None) -> str:
    """Format a date: 14 Mar 1978, 14 mar 1978."""
    return format_date(value, "medium") if value else ""


def show_datetime(value: datetime | None) -> str:
    """Format a date and time in the organisation's time zone."""
    return format_datetime(value, "medium") if value else ""


def show_ago(value: datetime | None) -> str:
    """Format how long ago a time was: 2 hours ago, hace 2 horas."""
    if not value:
        return ""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return format_timedelta(value - now(), add_direction=True, granularity="minute")


def show_number(value: int | float | Decimal | None) -> str:
    """Format a number: 12,480 in English, 12.480 in Spanish."""
    return "" if value is None else format_decimal(value)


# Jinja filters.
FILTERS = {
    "day": show_date,
    "moment": show_datetime,
    "ago": show_ago,
    "number": show_number,
}
