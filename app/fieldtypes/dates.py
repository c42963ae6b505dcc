"""Field types of time: dates, and moments in the organisation's time zone."""

from __future__ import annotations

import calendar
import datetime
import re
from typing import Any, ClassVar

import sqlalchemy as sa
from flask_babel import gettext as _

from app import organisation, types
from app.errors import DomainError
from app.fieldtypes.base import FieldType, Hints
from app.fieldtypes.sqltext import SqlHints
from app.i18n.clock import today
from app.i18n.dates import has_short_year, parse_date
from app.i18n.formats import date_pattern, edit_date, show_date, show_datetime

# Nobody alive was born before.
MIN_YEAR = 1900
# The day shows which number is the month.
EXAMPLE = datetime.date(2026, 12, 31)
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
# “31/12/2026 18:30”, “2026-12-31T18:30:00+01:00”, “31 Dec 2026, 6:30 PM”.
_MOMENT = re.compile(
    r"(?P<day>.*?\d{1,4})(?:,? |T)(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?"
    r"(?: ?(?P<half>[ap])\.? ?m\.?)?(?: ?(?P<offset>Z|[+-]\d\d:?\d\d))?",
    re.IGNORECASE,
)


class Date(FieldType):
    name = "day"
    sql_types: ClassVar[tuple[type, ...]] = (sa.Date,)
    form_field = "date"
    filters: ClassVar[tuple[str, ...]] = ("from_date", "to_date", "on_date", "empty", "filled")
    is_text = False
    json_format = "date"
    is_escaped = True

    def read(self, value: str, hints: Hints) -> datetime.date:
        # Of a day in the past a year of two digits may say which one it is: 78, but not 08.
        possible = (datetime.date(MIN_YEAR, 1, 1), today()) if self.info.get("is_past") else None
        day = parse_date(value, hints.day_first, is_strict=hints.is_strict, between=possible)
        if day is None:
            raise DomainError(invalid_date(value))
        return day

    def validate(self, value: datetime.date) -> None:
        """Refuse a date of birth before 1900 or in the future."""
        if not self.info.get("is_past"):
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

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        if self.column is None or not isinstance(self.column.type, sa.Date):
            return None
        if hints.dialect == "postgresql":
            return sa.func.to_char(value, "YYYY-MM-DD")
        return sa.type_coerce(value, sa.String)

    def from_json(self, value: Any) -> Any:
        return value and datetime.date.fromisoformat(value)

    def form_text(self, value: Any) -> str:
        text = super().form_text(value)
        if not (_ISO_DATE.fullmatch(text) and parse_date(text, day_first=True)):
            raise DomainError(
                _("“%(value)s” is not a valid date. Use YYYY-MM-DD.", value=text[:40])
            )
        return text

    def describe(self) -> str:
        return _("date, for example 2026-12-31")


class ExpiringDate(Date):
    """A date that holds for some months, such as that of a medical certificate.

    ``info["validity_months"]`` says for how many; 0: the date is the last day.
    """

    name = "expiring"
    shape = "expiring"
    sql_types = ()
    filters = ("expired", "expires_within", *Date.filters)

    @property
    def months(self) -> int:
        """Return for how many months a date holds."""
        return self.info.get("validity_months") or 0

    def last_day(self, value: datetime.date) -> datetime.date:
        """Return the last day on which a date holds: the same day of a later month, or its end."""
        month = value.month - 1 + self.months
        year, month = value.year + month // 12, month % 12 + 1
        if year > datetime.MAXYEAR:
            return datetime.date.max
        return datetime.date(year, month, min(value.day, calendar.monthrange(year, month)[1]))

    def first_valid(self, day: datetime.date) -> datetime.date:
        """Return the first date that still holds on a day."""
        month = day.year * 12 + day.month - 1 - self.months
        first = datetime.date(max(month // 12, 1), month % 12 + 1, 1)
        # Its last day may be that of a shorter month.
        first = max(first, datetime.date(1, 1, 5)) - datetime.timedelta(days=4)
        while self.last_day(first) < day:
            first += datetime.timedelta(days=1)
        return first

    def cell_extra(self, value: datetime.date) -> str:
        """Return whether a date has expired or is about to, in words; "" if neither."""
        last = self.last_day(value)
        if last < today():
            return _("expired on %(day)s", day=show_date(last))
        if (last - today()).days <= (self.info.get("warn_days") or 0):
            return _("expires on %(day)s", day=show_date(last))
        return ""


def invalid_date(value: str) -> str:
    """Return the sentence that a typed text is no date, and how the reader writes one."""
    example = edit_date(EXAMPLE)
    if has_short_year(value):
        return _(
            "“%(value)s” is not a complete date. Enter the year with four digits, for example %(example)s.",
            value=value, example=example,
        )  # fmt: skip
    return _(
        "“%(value)s” is not a valid date. Enter it as %(pattern)s, for example %(example)s.",
        value=value[:40], pattern=date_pattern(), example=example,
    )  # fmt: skip


class DateTime(FieldType):
    """A moment: stored in UTC, typed and shown in the organisation's time zone."""

    name = "moment"
    sql_types = (sa.DateTime,)
    form_field = "moment"
    filters = ("from_day", "to_day")
    is_text = False
    json_format = "date-time"
    is_escaped = True

    def read(self, value: str, hints: Hints) -> datetime.datetime:
        found = _MOMENT.fullmatch(value)
        typed_day = found["day"] if found else value
        day = parse_date(typed_day, hints.day_first, is_strict=hints.is_strict)
        try:
            if found is None or day is None:
                raise ValueError(value)
            time = datetime.time(_hour(found), int(found["minute"]), int(found["second"] or 0))
            return _in_utc(datetime.datetime.combine(day, time), found["offset"])
        except (ValueError, OverflowError):
            if has_short_year(typed_day):
                raise DomainError(invalid_date(typed_day)) from None
            raise DomainError(
                _(
                    "“%(value)s” is not a valid date and time. Enter it as %(pattern)s hh:mm, for example %(example)s 18:30.",
                    value=value[:40], pattern=date_pattern(), example=edit_date(EXAMPLE),
                )
            ) from None  # fmt: skip

    def show(self, value: datetime.datetime | None) -> str:
        return show_datetime(value)

    def edit(self, value: datetime.datetime | None) -> str:
        if value is None:
            return ""
        local = value.astimezone(organisation.time_zone())
        text = f"{edit_date(local.date())} {local:%H:%M}"
        if local.second:
            text += f":{local:%S}"
        # The hour that comes twice when clocks go back is told apart by its offset.
        return f"{text} {_offset(local)}" if local.fold else text

    def write(self, value: datetime.datetime | None) -> str:
        return value.isoformat(timespec="seconds") if value else ""

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        if self.column is None or not isinstance(self.column.type, types.UTCDateTime):
            return None
        if hints.dialect == "postgresql":
            return sa.func.to_char(value, 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')
        text = sa.type_coerce(value, sa.String)
        day, time = (
            sa.func.substr(text, start, length, type_=sa.String)
            for start, length in ((1, 10), (12, 8))
        )
        return day + "T" + time + "+00:00"

    def from_json(self, value: Any) -> Any:
        return value and datetime.datetime.fromisoformat(value)

    def form_text(self, value: Any) -> str:
        text = super().form_text(value)
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise DomainError(
                _(
                    "“%(value)s” is not a valid date and time. Use 2026-12-31T23:59:00+00:00.",
                    value=text[:40],
                )
            )
        return text

    def describe(self) -> str:
        return _("date and time in UTC, for example 2026-12-31T23:59:00+00:00")


def _hour(found: re.Match[str]) -> int:
    hour = int(found["hour"])
    if not found["half"]:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(hour)
    return hour % 12 + (12 if found["half"].lower() == "p" else 0)


def _in_utc(local: datetime.datetime, offset: str | None) -> datetime.datetime:
    """Return a moment typed in the organisation's time zone, or with an offset of its own."""
    if offset:
        return datetime.datetime.fromisoformat(f"{local.isoformat()}{offset}").astimezone(
            datetime.UTC
        )
    moment = local.replace(tzinfo=organisation.time_zone()).astimezone(datetime.UTC)
    if moment.astimezone(organisation.time_zone()).replace(tzinfo=None) != local:
        raise DomainError(
            _("On that day there is no such time: the clocks go forward. Enter another time.")
        )
    return moment


def _offset(local: datetime.datetime) -> str:
    text = f"{local:%z}"
    return f"{text[:3]}:{text[3:5]}"
