"""SQLite's write lock: threads of a process get it in turn, and other processes are noticed."""

from __future__ import annotations

import gc
import sqlite3
import threading
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from app import write_lock
from app.database import WriteLockMonitor
from app.write_lock import WriterLine
from tests.jobs.processes import wait_until


@pytest.fixture(autouse=True)
def write_lock_monitor(monkeypatch):
    """Note the other processes of these tests apart: jobs of later tests pause for them."""
    monitor = WriteLockMonitor()
    monkeypatch.setattr("app.database.write_lock_monitor", monitor)
    return monitor


@pytest.fixture
def engine(tmp_path):
    """Give an engine on an empty database."""
    engine = create_engine(f"sqlite:///{tmp_path / 'lock.sqlite3'}")
    yield engine
    engine.dispose()


@contextmanager
def in_threads(monitor, *works):
    """Start threads one after another, each once the one before waits; join them at the end."""
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        wait_until(lambda number=number: monitor.waiting == number)
    yield
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_who_asks_again_comes_after_those_who_wait(engine, write_lock_monitor):
    order = []

    def write(name: str) -> None:
        with engine.begin():
            order.append(name)

    with engine.connect() as connection:
        transaction = connection.begin()
        with in_threads(write_lock_monitor, lambda: write("first"), lambda: write("second")):
            transaction.commit()
            with connection.begin():
                order.append("again")
    assert order == ["first", "second", "again"]


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_the_turn_ends_with_the_transaction(engine, end, monkeypatch):
    monkeypatch.setattr(write_lock, "MAX_WAIT_SECONDS", 0.2)
    connection = engine.connect()
    transaction = connection.begin()
    with pytest.raises(OperationalError, match="locked"), engine.begin():
        pass
    getattr(connection if end == "close" else transaction, end)()
    with engine.begin() as other:
        assert other.connection.dbapi_connection.has_turn
    connection.close()


def test_the_turn_ends_with_a_connection_that_is_dropped(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(write_lock, "MAX_WAIT_SECONDS", 0.2)
    with engine.begin():
        pass
    dropped = sqlite3.connect(tmp_path / "lock.sqlite3", factory=write_lock.WriterConnection)
    assert dropped.begin_at_once()
    del dropped
    gc.collect()
    with engine.begin() as other:
        assert other.connection.dbapi_connection.has_turn


def test_another_process_that_has_the_lock_is_waited_for_and_noticed(
    engine, tmp_path, write_lock_monitor
):
    """A connection that does not stand in line stands for another process."""
    with engine.begin():
        pass
    assert not write_lock_monitor.has_other_processes(0.0)
    with closing(
        sqlite3.connect(tmp_path / "lock.sqlite3", isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        since = threading.Event()
        threading.Timer(0.3, lambda: (since.set(), other.rollback())).start()
        with engine.begin():
            assert since.is_set()
    assert write_lock_monitor.has_other_processes(60)


def test_who_gives_up_does_not_block_those_behind():
    line = WriterLine()
    assert line.enter(0)
    assert not line.enter(0.01)
    line.leave()
    assert line.enter(0)
