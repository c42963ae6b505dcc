"""On SQLite a job runs small chunks and pauses while others write."""

from __future__ import annotations

import itertools
import sqlite3
import threading

import pytest
from sqlalchemy import text

from app.database import WriteLockMonitor
from app.extensions import db
from app.jobs import chunk_sizing
from app.jobs.chunk_sizing import (
    LONG_PAUSE_SECONDS,
    MAX_WAIT_SECONDS,
    MIN_CHUNK_SIZE,
    RECENT_WRITE_SECONDS,
    SHORT_PAUSE_SECONDS,
    ChunkSizer,
)
from app.jobs.runner import run_job
from tests.jobs.counting_job import Tally, enqueue_tally
from tests.jobs.processes import wait_until

pytestmark = pytest.mark.both_databases


class Large(Tally):
    """A kind with large chunks."""

    initial_chunk_sizes = (100, 1_000)
    max_chunk_size = 5_000


@pytest.fixture
def no_other_writers(own_app, monkeypatch):
    """Start with no other writers; SQLite only."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL locks rows, not the database.")
    monitor = WriteLockMonitor()
    monkeypatch.setattr("app.database.write_lock_monitor", monitor)
    monkeypatch.setattr(chunk_sizing, "write_lock_monitor", monitor)
    return monitor


def run_chunk(sizer: ChunkSizer) -> None:
    sizer.begin(db.session())
    db.session.execute(text("INSERT INTO tally VALUES (1, NULL)"))
    db.session.commit()
    sizer.end()


def write(engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO tally VALUES (2, NULL)"))


def test_the_kind_sets_the_initial_chunk_size_for_each_database():
    assert ChunkSizer(Large(), "sqlite").size == 100
    assert ChunkSizer(Large(), "postgresql").size == 1_000


def test_a_slow_chunk_makes_the_next_one_smaller_down_to_a_minimum(no_other_writers):
    sizer = ChunkSizer(Large(), "sqlite")
    sizer.adjust(chunk_sizing.TARGET_CHUNK_SECONDS[0] / 0.8)
    assert sizer.size == 80
    sizer.adjust(3600)
    assert sizer.size == 40, "at most halved by one slow chunk"
    for _each in range(10):
        sizer.adjust(3600)
    assert sizer.size == MIN_CHUNK_SIZE


def test_a_fast_chunk_makes_the_next_one_larger_up_to_the_maximum_of_the_kind():
    sizer = ChunkSizer(Large(), "postgresql")
    sizer.adjust(0.000_1)
    assert sizer.size == 2_000
    for _each in range(10):
        sizer.adjust(0.000_1)
    assert sizer.size == 5_000


def test_waiting_for_the_interpreter_does_not_shrink_chunks(no_other_writers, monkeypatch):
    """By the clock a chunk takes seconds beside busy readers; of processor time it takes little."""
    wall, processor = itertools.count(step=3.0), itertools.count(step=0.020)
    sizer = ChunkSizer(Large(), "sqlite")
    monkeypatch.setattr(chunk_sizing, "monotonic", lambda: next(wall))
    monkeypatch.setattr(chunk_sizing, "thread_time", lambda: next(processor))
    run_chunk(sizer)
    assert sizer.size == 200
    run_chunk(sizer)
    assert sizer.size == 400


def test_chunks_are_not_small_while_others_need_not_wait_long(no_other_writers):
    sizer = ChunkSizer(Large(), "sqlite")
    for _each in range(20):
        sizer.adjust(MAX_WAIT_SECONDS, MAX_WAIT_SECONDS)
    assert sizer.size == sizer.floor == 100, "the initial size"
    sizer.adjust(0.000_1, MAX_WAIT_SECONDS * 1.01)
    assert sizer.size == 50, "somebody waited too long, however little the chunk took"
    for _each in range(5):
        sizer.adjust(3600, 0.001)
    assert sizer.size == MIN_CHUNK_SIZE, "a chunk that is too long by itself"


def test_without_other_writers_the_floor_stays():
    sizer = ChunkSizer(Large(), "sqlite")
    for _each in range(20):
        sizer.adjust(MAX_WAIT_SECONDS)
    assert sizer.size == MIN_CHUNK_SIZE


def test_chunks_are_longer_while_nobody_else_writes(no_other_writers, monkeypatch):
    moments = itertools.count(step=RECENT_WRITE_SECONDS * 1.01)
    monkeypatch.setattr(chunk_sizing, "monotonic", lambda: next(moments))
    sizer = ChunkSizer(Large(), "sqlite")
    sizer.adjust(chunk_sizing.ALONE_CHUNK_SECONDS / 1.5)
    assert sizer.size == 150
    monkeypatch.setattr(chunk_sizing, "monotonic", lambda: 0.0)
    sizer.adjust(chunk_sizing.TARGET_CHUNK_SECONDS[0] * 2, 0.001)
    assert sizer.size == 75, "somebody has waited"


def test_the_wait_of_another_thread_is_measured(no_other_writers):
    db.session.execute(text("INSERT INTO tally VALUES (1, NULL)"))
    other = threading.Thread(target=write, args=[db.engine])
    other.start()
    try:
        wait_until(lambda: no_other_writers.waiting)
    finally:
        db.session.commit()
        other.join(60)
    assert no_other_writers.take_longest_wait() > 0
    assert no_other_writers.take_longest_wait() == 0, "since the last time it was asked"
    db.session.execute(text("INSERT INTO tally VALUES (3, NULL)"))
    db.session.commit()
    assert no_other_writers.take_longest_wait() == 0, "one's own wait"


def test_on_postgresql_there_is_no_pause():
    assert ChunkSizer(Large(), "postgresql").pause_seconds() == 0


def test_the_pause_is_short_although_another_thread_writes(no_other_writers):
    """It stands in line: the job waits for it, however short it pauses."""
    sizer = ChunkSizer(Large(), "sqlite")
    run_chunk(sizer)
    other = threading.Thread(target=write, args=[db.engine])
    other.start()
    other.join(60)
    run_chunk(sizer)
    assert sizer.pause_seconds() == SHORT_PAUSE_SECONDS


def test_the_pause_is_long_after_waiting_for_another_process(
    no_other_writers, own_app, monkeypatch
):
    """A separate connection that the app does not know stands for another process."""
    path = own_app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    other_process = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    sizer = ChunkSizer(Large(), "sqlite")
    run_chunk(sizer)
    assert sizer.pause_seconds() == SHORT_PAUSE_SECONDS
    other_process.execute("BEGIN IMMEDIATE")
    # Long enough, however late this thread asks for the lock.
    threading.Timer(0.5, other_process.rollback).start()
    run_chunk(sizer)
    other_process.close()
    assert sizer.pause_seconds() == LONG_PAUSE_SECONDS
    monkeypatch.setattr(chunk_sizing, "RECENT_WRITE_SECONDS", -1.0)
    assert sizer.pause_seconds() == SHORT_PAUSE_SECONDS, "that is no longer recent"
    assert RECENT_WRITE_SECONDS > LONG_PAUSE_SECONDS, "a writer may return"


def test_a_job_pauses_after_each_chunk_but_the_last(own_app, monkeypatch):
    rests = []
    monkeypatch.setattr(chunk_sizing, "sleep", rests.append)
    run_job(enqueue_tally(50))
    expected = 4 if db.engine.dialect.name == "sqlite" else 0
    assert len(rests) == expected
    assert set(rests) <= {SHORT_PAUSE_SECONDS, LONG_PAUSE_SECONDS}
