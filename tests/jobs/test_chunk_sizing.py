"""A job takes small bites of SQLite, and rests as soon as anybody else writes."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from sqlalchemy import text

from app.extensions import Writers, db
from app.jobs import chunk_sizing as paces
from app.jobs.chunk_sizing import LATELY, LONG_REST, NOTICEABLE, SHORT_REST, SMALLEST, Pace
from app.jobs.runner import run_job
from tests.jobs.processes import wait_until
from tests.jobs.counting_job import Tally, a_tally


class Large(Tally):
    """One that may take thousands at a time."""

    first_chunks = (100, 1_000)
    largest_chunk = 5_000


@pytest.fixture
def quiet(own_app, monkeypatch):
    """Let nobody have written yet; on SQLite alone."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL's writers do not stand in each other's way.")
    fresh = Writers()
    monkeypatch.setattr("app.extensions.writers", fresh)
    monkeypatch.setattr(paces, "writers", fresh)
    return fresh


def a_chunk(pace: Pace) -> None:
    pace.begin(db.session())
    db.session.execute(text("INSERT INTO tally VALUES (1, NULL)"))
    db.session.commit()
    pace.end()


def write(engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO tally VALUES (2, NULL)"))


def test_chunks_begin_as_the_kind_says_for_each_database():
    assert Pace(Large(), "sqlite").size == 100
    assert Pace(Large(), "postgresql").size == 1_000


def test_a_chunk_that_took_too_long_makes_the_next_one_smaller_but_not_too_small():
    pace = Pace(Large(), "sqlite")
    pace.learn(paces.AIMS[0] / 0.8)
    assert pace.size == 80
    pace.learn(3600)
    assert pace.size == 40, "one slow disk says little about the next"
    for _each in range(10):
        pace.learn(3600)
    assert pace.size == SMALLEST


def test_a_chunk_that_took_no_time_makes_the_next_one_larger_but_not_too_large():
    pace = Pace(Large(), "postgresql")
    pace.learn(0.000_1)
    assert pace.size == 2_000
    for _each in range(10):
        pace.learn(0.000_1)
    assert pace.size == 5_000


def test_on_postgresql_a_rest_would_serve_nobody():
    assert Pace(Large(), "postgresql").rest_due() == 0


def test_who_writes_alone_hardly_rests(quiet, monkeypatch):
    # However slow the machine is, a lock that is free is no stranger's.
    monkeypatch.setattr(paces, "NOTICEABLE", 60.0)
    pace = Pace(Large(), "sqlite")
    for _each in range(5):
        a_chunk(pace)
        assert pace.rest_due() == SHORT_REST


def test_who_wrote_lately_is_given_room_for_a_while(quiet, monkeypatch):
    pace = Pace(Large(), "sqlite")
    other = threading.Thread(target=write, args=[db.engine])
    other.start()
    other.join(60)
    a_chunk(pace)
    assert pace.rest_due() == LONG_REST
    monkeypatch.setattr(paces, "LATELY", -1.0)
    assert pace.rest_due() == SHORT_REST, "after that, they are through"
    assert LATELY > LONG_REST, "and may come back"


def test_who_waits_is_given_room(quiet, monkeypatch):
    monkeypatch.setattr(paces, "LATELY", -1.0)
    pace = Pace(Large(), "sqlite")
    db.session.execute(text("INSERT INTO tally VALUES (1, NULL)"))
    other = threading.Thread(target=write, args=[db.engine])
    other.start()
    try:
        wait_until(lambda: quiet.waiting)
        assert pace.rest_due() == LONG_REST
    finally:
        db.session.commit()
        other.join(60)
    assert quiet.waiting == 0
    assert pace.rest_due() == SHORT_REST


def test_another_process_is_noticed_by_having_to_wait_for_it(quiet, own_app):
    """A line of its own, which the program knows nothing of, is as good as another process."""
    path = own_app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    stranger = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    pace = Pace(Large(), "sqlite")
    a_chunk(pace)
    assert pace.rest_due() == SHORT_REST
    stranger.execute("BEGIN IMMEDIATE")
    # Long enough to be noticed, however late this thread gets to ask for the lock.
    threading.Timer(NOTICEABLE + 0.5, stranger.rollback).start()
    a_chunk(pace)
    stranger.close()
    assert pace.rest_due() == LONG_REST


def test_a_job_rests_after_each_chunk_but_the_last(own_app, monkeypatch):
    rests = []
    monkeypatch.setattr(paces, "sleep", rests.append)
    run_job(a_tally(50))
    expected = 4 if db.engine.dialect.name == "sqlite" else 0
    assert len(rests) == expected
    assert set(rests) <= {SHORT_REST, LONG_REST}
