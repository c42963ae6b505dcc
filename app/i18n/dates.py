"""Parse dates as people write them."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from babel.dates import get_month_names

from app.i18n.languages import LANGUAGES
from app.text import fold

# Folded: “14 mar 1978”, “14 de marzo de 1978”, “14-mar-1978”, “March 14, 1978”.
WORDED_DATE = re.compile(
    r"(?<!\w)(?:(?P<day>\d{1,2})[ -](?:de )?(?P<month>[a-z]{3,10})\.?,?[ -](?:del? )?"
    r"|(?P<us_month>[a-z]{3,10})\.? (?P<us_day>\d{1,2}),? )(?P<year>\d{4})(?!\w)"
)


_NO_WORDS = re.compile(r"[\d/.-]+", re.ASCII)
_SPACED_SIGN = re.compile(r"(?<=\d) ?([-/.]) ?(?=\d)")
_TIME = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
# “12-mar-80”, “01-Sep-08”: as spreadsheets shorten dates.
_SHORT_WORDED = re.compile(r"(?P<day>\d{1,2})[- /.](?P<month>[a-z]{3,10})\.?[- /.](?P<year>\d{2})")
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)")
_SHORT_YEAR = re.compile(r"\d{1,2}([-/. ])\d{1,2}\1\d{2}")


def parse_date(
    value: str,
    day_first: bool,
    *,
    is_strict: bool = False,
    between: tuple[date, date] | None = None,
) -> date | None:
    """Parse a date: 2026-12-31, 31/12/2026, 12/31/2026, 31 Dec 2026; None if it is not one.

    ``is_strict``, for what a person types: refuse day and month in the other order, because it
    would pass unnoticed on the first twelve days of a month, and words after the date. Otherwise
    20261231 is a date, too; with ``between``, the first and the last day that are possible, so is
    one whose year has two digits if only one such year is possible.
    """
    if is_strict:
        value = _SPACED_SIGN.sub(r"\1", value)
    if not _NO_WORDS.fullmatch(value) and (match := WORDED_DATE.fullmatch(fold(value))):
        month = _month_numbers().get(match["month"] or match["us_month"])
        day = int(match["day"] or match["us_day"])
        return _date_or_none(int(match["year"]), month, day) if month else None
    if not is_strict:
        if match := _COMPACT.fullmatch(value):
            return _date_or_none(int(match["year"]), int(match["month"]), int(match["day"]))
        if between and (match := _SHORT_WORDED.fullmatch(fold(value))):
            month = _month_numbers().get(match["month"])
            day = int(match["day"])
            return _only_date(int(match["year"]), month, day, *between) if month else None
    value, *time = re.split("[T ]", value, maxsplit=1)
    if is_strict and time and not _TIME.fullmatch(time[0]):
        return None
    parts = re.split(r"[-/.]", value)
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    if len(parts[0]) == 4:
        return _date_or_none(*map(int, parts))
    first, second, year = map(int, parts)
    has_two_digits = len(parts[2]) == 2 and len(parts[0]) <= 2 and between and not is_strict
    if len(parts[2]) != 4 and not has_two_digits:
        return None
    day, month = (first, second) if day_first else (second, first)
    if month > 12 and not is_strict:
        day, month = month, day
    if has_two_digits and between:
        return _only_date(year, month, day, *between)
    return _date_or_none(year, month, day)


def has_short_year(value: str) -> bool:
    """Return True for a date whose year has two digits."""
    if match := _SHORT_WORDED.fullmatch(fold(value)):
        return match["month"] in _month_numbers()
    return bool(_SHORT_YEAR.fullmatch(_SPACED_SIGN.sub(r"\1", value)))


def _only_date(year: int, month: int, day: int, first: date, last: date) -> date | None:
    """Return the day whose year ends with two digits; None if there are two, or none."""
    centuries = range(first.year // 100, last.year // 100 + 1)
    days = (_date_or_none(100 * century + year, month, day) for century in centuries)
    possible = [found for found in days if found is not None and first <= found <= last]
    return possible[0] if len(possible) == 1 else None


def _date_or_none(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


@lru_cache(maxsize=1)
def _month_numbers() -> dict[str, int]:
    """Return folded month name → number, in both languages, in full and abbreviated."""
    numbers: dict[str, int] = {"sept": 9, "set": 9, "setiembre": 9}
    for language in LANGUAGES:
        for width in ("wide", "abbreviated"):
            names = get_month_names(width, locale=language)
            numbers |= {fold(name).rstrip("."): month for month, name in names.items()}
    return numbers
