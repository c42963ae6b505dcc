"""Dates, times and numbers as the reader writes them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from flask_babel import force_locale

from app.i18n.formats import show_ago, show_date, show_datetime, show_exact, show_number
from app.types import now
from tests.factories import a_contact
from tests.people import ALICIA

# In Madrid it is an hour later.
MOMENT = datetime(2026, 11, 26, 12, 25, 57, tzinfo=UTC)


@pytest.mark.parametrize(
    ("browser", "day", "moment", "exact"),
    [
        ("en-GB,en;q=0.9", "28 Dec 1951", "26 Nov 2026, 13:25", "26 Nov 2026, 13:25:57"),
        ("en", "28 Dec 1951", "26 Nov 2026, 13:25", "26 Nov 2026, 13:25:57"),
        ("en-IE", "28 Dec 1951", "26 Nov 2026, 13:25", "26 Nov 2026, 13:25:57"),
        ("", "28 Dec 1951", "26 Nov 2026, 13:25", "26 Nov 2026, 13:25:57"),
        ("en-GB,en-US;q=0.9", "28 Dec 1951", "26 Nov 2026, 13:25", "26 Nov 2026, 13:25:57"),
        ("en-US,en;q=0.9", "Dec 28, 1951", "Nov 26, 2026, 1:25 PM", "Nov 26, 2026, 1:25:57 PM"),
        ("es-ES,en-US;q=0.5", "28 dic 1951", "26 nov 2026, 13:25", "26 nov 2026, 13:25:57"),
    ],
)
def test_dates_and_times_are_written_as_the_reader_does(app, browser, day, moment, exact):
    with app.test_request_context(headers={"Accept-Language": browser}):
        shown = [show_date(date(1951, 12, 28)), show_datetime(MOMENT), show_exact(MOMENT)]
    # Babel separates AM and PM by a narrow space.
    assert [text.replace("\u202f", " ") for text in shown] == [day, moment, exact]


def test_the_day_of_a_time_is_the_organisations(app):
    with app.test_request_context(), force_locale("en"):
        assert show_date(datetime(2026, 7, 31, 23, 30, tzinfo=UTC)) == "1 Aug 2026"


def test_english_dates_are_british_where_nobody_asks(app):
    """In mails, jobs and texts that are stored in every language."""
    with app.app_context(), force_locale("en"):
        assert show_datetime(MOMENT) == "26 Nov 2026, 13:25"


def test_numbers_are_written_as_the_reader_does(app):
    with app.test_request_context(), force_locale("es"):
        assert show_number(12480) == "12.480"
    with app.test_request_context(), force_locale("en"):
        assert show_number(12480) == "12,480"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "just now"), (59, "just now"), (61, "1 minute ago"), (7300, "2 hours ago"),
     (-30, "in a moment"), (-130, "in 2 minutes")],
)  # fmt: skip
def test_times_are_told_from_now(app, seconds, text):
    with app.test_request_context(), force_locale("en"):
        assert show_ago(now() - timedelta(seconds=seconds)) == text


def test_a_page_shows_no_seconds_but_on_hover(client_as):
    contact = a_contact()
    page = client_as(ALICIA).get(f"/contacts/show/{contact.id}").text
    assert "just now" in page
    assert re.search(r'<time[^>]* title="\d+ \w+ \d{4}, \d\d:\d\d:\d\d"', page)
    assert not re.search(r">[^<]*\d\d:\d\d:\d\d", page.partition("<main")[2])
