"""Moments are typed and shown in the organisation's time zone, and stored in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import DomainError
from app.fieldtypes import Date, DateTime, Hints

SPANISH, AMERICAN = Hints("ES"), Hints("US", day_first=False)


@pytest.fixture(autouse=True)
def context(app):
    """Push a request of a Spanish reader; the organisation is in Madrid."""
    with app.test_request_context(headers={"Accept-Language": "es"}):
        yield


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "hints", "moment"),
    [
        ("01/07/2026 10:30", SPANISH, "2026-07-01T08:30"),
        ("01/01/2026 10:30", SPANISH, "2026-01-01T09:30"),
        ("1/7/2026 9.05", SPANISH, "2026-07-01T07:05"),
        ("2026-07-01T10:30", SPANISH, "2026-07-01T08:30"),
        ("2026-07-01T10:30:15+00:00", SPANISH, "2026-07-01T10:30:15"),
        ("2026-07-01T10:30:15Z", SPANISH, "2026-07-01T10:30:15"),
        ("2026-07-01 10:30 -05:00", SPANISH, "2026-07-01T15:30"),
        ("07/31/2026, 6:30 PM", AMERICAN, "2026-07-31T16:30"),
        ("07/31/2026 12:05 a.m.", AMERICAN, "2026-07-30T22:05"),
        ("1 jul 2026, 10:30", SPANISH, "2026-07-01T08:30"),
        # Clocks go back on 25 October 2026 at 3:00; the first of the two is meant.
        ("25/10/2026 02:30", SPANISH, "2026-10-25T00:30"),
        ("25/10/2026 02:30 +01:00", SPANISH, "2026-10-25T01:30"),
    ],
)
def test_a_moment_is_read_in_the_organisations_zone(typed, hints, moment):
    assert DateTime().parse(typed, hints) == utc(moment)


@pytest.mark.parametrize(
    "typed",
    ["tomorrow", "31/02/2026 10:30", "01/07/2026", "01/07/2026 25:00", "01/07/2026 10:61", "01/07/26 10:30",
     "01/07/2026 13:00 PM", "01/07/2026 10:30 +99:99", "0001-01-01T00:00+14:00"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(typed):
    with pytest.raises(DomainError, match=r"no es una fecha .*, por ejemplo 31/12/2026"):
        DateTime().parse(typed, SPANISH)


def test_a_moment_typed_with_day_and_month_in_the_other_order_is_refused_in_forms():
    with pytest.raises(DomainError, match=r"como dd/mm/aaaa hh:mm, por ejemplo 31/12/2026 18:30"):
        DateTime().parse("12/31/2026 18:30", Hints("ES", is_strict=True))
    assert DateTime().parse("12/31/2026 18:30", SPANISH) == utc("2026-12-31T17:30")


def test_an_hour_that_the_clocks_skip_is_explained():
    with pytest.raises(DomainError, match="se adelantan los relojes"):
        DateTime().parse("29/03/2026 02:30", SPANISH)


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis takes no zone here
def test_a_moment_in_a_form_is_read_back_as_it_was(value):
    moment = value.replace(microsecond=0, tzinfo=UTC)
    field_type = DateTime()
    assert field_type.parse(field_type.edit(moment), SPANISH) == moment
    assert field_type.parse(field_type.write(moment), SPANISH) == moment
    assert field_type.from_json(field_type.to_json(moment)) == moment


def test_every_half_hour_around_both_changes_of_the_clocks_is_read_back():
    for start in (utc("2026-03-29T00:00"), utc("2026-10-25T00:00")):
        for step in range(12):
            moment = start + timedelta(minutes=30 * step)
            assert DateTime().parse(DateTime().edit(moment), SPANISH) == moment


@pytest.mark.parametrize("sent", ["2026-07-01T10:30", "tomorrow", "", 5, None])
def test_the_api_takes_a_moment_with_its_offset_only(sent):
    with pytest.raises(DomainError):
        DateTime().form_text(sent)


@pytest.mark.parametrize("sent", ["31/12/2026", "2026-02-31", "2026-2-1", "26-02-01", 5, None])
def test_the_api_takes_a_date_that_exists_in_iso_order_only(sent):
    with pytest.raises(DomainError, match=r"AAAA-MM-DD|Envía"):
        Date().form_text(sent)
    assert Date().form_text("2026-12-31") == "2026-12-31"
