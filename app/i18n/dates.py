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


def parse_date(value: str, day_first: bool) -> date | None:
    """Parse a date: 2026-12-31, 31/12/2026, 12/31/2026, 31 Dec 2026; None if it is not one."""
    if match := WORDED_DATE.fullmatch(fold(value)):
        month = _month_numbers().get(match["month"] or match["us_month"])
        day = int(match["day"] or match["us_day"])
        return _date_or_none(int(match["year"]), month, day) if month else None
    value = value.partition("T")[0].partition(" ")[0]
    parts = re.split(r"[-/.]", value)
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    if len(parts[0]) == 4:
        return _date_or_none(*map(int, parts))
    first, second, year = map(int, parts)
    if len(parts[2]) != 4:
        return None
    day, month = (first, second) if day_first or first > 12 else (second, first)
    if month > 12:
        day, month = month, day
    return _date_or_none(year, month, day)


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
