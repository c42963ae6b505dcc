"""Numbers of a series: without gaps, none twice, by year."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
from flask_appbuilder import Model
from sqlalchemy import select

from app.extensions import db
from app.i18n import clock
from app.models import VersionedRow
from app.numbers.models import NumberCounter, Numbered
from app.numbers.services import give_number, next_numbers
from tests.databases import migrated_app
from tests.sample import sample_app

pytestmark = pytest.mark.both_databases
THREADS = 20


def declare():
    class Invoice(Model, VersionedRow, Numbered):
        __tablename__ = "sample_invoice"
        series = "invoice/{year}"
        number_format = "F{year}-{number:04d}"
        is_numbered_when_created = False

    class Ticket(Model, VersionedRow, Numbered):
        __tablename__ = "sample_ticket"
        series = "ticket"

    return locals()


@pytest.fixture(scope="module")
def app(database, tmp_path_factory):
    with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
        yield app


@pytest.fixture
def in_the_year(monkeypatch):
    """Set the current moment: ``in_the_year(2026, 12, 31, 23)`` is in UTC."""

    class Frozen(datetime):
        moment = datetime(2026, 6, 1, tzinfo=UTC)

        @classmethod
        def now(cls, tz=None):
            return cls.moment.astimezone(tz)

    def set_moment(*parts: int) -> None:
        Frozen.moment = datetime(*parts, tzinfo=UTC)

    monkeypatch.setattr(clock, "datetime", Frozen)
    return set_moment


def test_a_series_begins_with_one_and_goes_on(session):
    assert [*next_numbers(session(), "a", 3)] == [1, 2, 3]
    assert [*next_numbers(session(), "a", 1)] == [4]
    assert [*next_numbers(session(), "b", 1)] == [1]
    assert [*next_numbers(session(), "a", 0)] == []


def test_each_year_has_a_series_of_its_own(session):
    assert [*next_numbers(session(), "f/{year}", 2, on=date(2025, 5, 1))] == [1, 2]
    assert [*next_numbers(session(), "f/{year}", 1, on=date(2026, 5, 1))] == [1]
    assert [*next_numbers(session(), "f/{year}", 1, on=date(2025, 5, 1))] == [3]
    assert session.get(NumberCounter, "f/2025").value == 3


def test_the_year_is_that_of_the_organisation(app, session, in_the_year):
    """At 23:30 UTC it is 00:30 in Madrid, of the next year."""
    invoice = app.sample.Invoice
    in_the_year(2026, 12, 31, 22, 30)
    assert give_number(session(), invoice()) == "F2026-0001"
    in_the_year(2026, 12, 31, 23, 30)
    assert give_number(session(), invoice()) == "F2027-0001"


def test_a_new_row_has_its_number_when_it_is_written(app, session):
    rows = [app.sample.Ticket() for _ in range(3)]
    session.add_all(rows)
    session.commit()
    assert sorted(row.number for row in rows) == ["000001", "000002", "000003"]


def test_a_number_that_was_typed_is_passed_over_also_in_the_same_flush(app, session):
    ticket = app.sample.Ticket
    stored, typed, given = ticket(number="000001"), ticket(number="000002"), ticket()
    session.add(stored)
    session.flush()
    session.add_all([typed, given])
    session.flush()
    assert given.number == "000003"


def test_a_draft_has_no_number_until_it_is_given_one(app, session):
    draft = app.sample.Invoice()
    session.add(draft)
    session.flush()
    assert draft.number is None
    number = give_number(session(), draft)
    assert give_number(session(), draft) == number


def test_a_hundred_transactions_at_once_leave_no_gap_and_give_no_number_twice(database, tmp_path):
    """The first of them make the counter, and each third is rolled back with its number."""
    start = Barrier(THREADS)

    with migrated_app(database, tmp_path) as app:

        def take(turn: int) -> int | None:
            if turn < THREADS:
                start.wait()
            with app.app_context():
                (number,) = next_numbers(db.session(), "race", 1)
                if turn % 3 == 0:
                    db.session.rollback()
                    return None
                db.session.commit()
                return number

        with ThreadPoolExecutor(THREADS) as pool:
            taken = [number for number in pool.map(take, range(100)) if number is not None]
        with app.app_context():
            last = db.session.scalar(select(NumberCounter.value).filter_by(name="race"))
    assert sorted(taken) == [*range(1, 67)]
    assert last == 66
