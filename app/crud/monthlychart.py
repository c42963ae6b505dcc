"""A card with a chart: how many rows of a list there are by month, over a year."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, ClassVar, NamedTuple

from sqlalchemy.orm import Session

from app.crud.counting import count_capped, show_capped
from app.crud.limits import TooSlow, time_limit
from app.crud.paging import MAX_COUNT
from app.crud.screens import registered_view
from app.crud.startpage import ContentCard, ListCard, list_url, select_listed
from app.i18n.clock import today
from app.i18n.formats import show_month, show_short_month

MONTHS = 12
# With rows in fewer months there is nothing to compare.
MIN_MONTHS = 2


class Bar(NamedTuple):
    """One month of the chart; ``height`` is a percentage of the highest."""

    month: str
    short_month: str
    shown_count: str
    height: int
    url: str


class MonthlyChart(ListCard, ContentCard, abstract=True):
    """Counts the rows of ``screen`` by the month of a date, within the user's scope.

    Each bar leads to its rows, so the date must be one of the filters of the list.
    """

    date_column: ClassVar[str] = "created_at"
    template = "crud/cards/monthly_chart.html"
    # Up to twelve times 10,000 entries of an index are read.
    is_lazy = True

    @classmethod
    def content(cls, session: Session) -> dict[str, Any] | None:
        screen = registered_view(cls.screen)
        queries = {month: cls._query(month) for month in last_months(today(), MONTHS)}
        try:
            with time_limit(session):
                counts = count_capped(
                    session,
                    {month.isoformat(): select_listed(screen, q) for month, q in queries.items()},
                    MAX_COUNT,
                )
        except TooSlow:
            return None
        highest = max(counts.values())
        if sum(1 for count in counts.values() if count) < MIN_MONTHS:
            return None
        bars = []
        for month, query in queries.items():
            count = counts[month.isoformat()]
            # A few rows beside many still show as a line.
            height = max(round(100 * count / highest), 2) if count else 0
            text = show_capped(count, MAX_COUNT)
            bars.append(
                Bar(
                    show_month(month),
                    show_short_month(month),
                    text,
                    height,
                    list_url(screen, query),
                )
            )
        return {"bars": bars}

    @classmethod
    def _query(cls, month: date) -> dict[str, str]:
        last = following_month(month) - timedelta(days=1)
        return {
            f"{cls.date_column}__from": month.isoformat(),
            f"{cls.date_column}__to": last.isoformat(),
        }


def last_months(day: date, number: int) -> list[date]:
    """Return the first days of the last months, oldest first; that of ``day`` comes last."""
    months = [day.replace(day=1)]
    while len(months) < number:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months[::-1]


def following_month(month: date) -> date:
    """Return the first day of the month after the one that begins with ``month``."""
    return (month + timedelta(days=31)).replace(day=1)
