"""Sealing does not block writers and misses no entry that is committed late."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from app.extensions import db
from app.log import sealing
from app.log.models import LogEntry, LogSeal
from app.log.sealing import Sealer
from app.log.verification import verify
from app.types import now
from tests.databases import migrated_app

pytestmark = pytest.mark.both_databases


@pytest.fixture
def engine(database, tmp_path):
    with migrated_app(database, tmp_path) as app, app.app_context():
        yield db.engine


@pytest.fixture
def postgres(engine):
    if engine.dialect.name != "postgresql":
        pytest.skip("On SQLite writers take turns, so no id is committed out of order.")
    return engine


def write(connection, name: str, count: int = 1) -> None:
    row = {
        "at": now(), "actor_name": name, "channel": "web", "event": "changed",
        "subject_type": "contact", "subject_id": 1, "subject_name": "", "changes": {"a": [1, 2]},
    }  # fmt: skip
    connection.execute(insert(LogEntry), [row] * count)


def sealed_names() -> list[str]:
    upto = db.session.scalar(select(LogSeal.last_id).order_by(LogSeal.id.desc()).limit(1)) or 0
    names = db.session.scalars(
        select(LogEntry.actor_name).where(LogEntry.id <= upto).order_by(LogEntry.id)
    ).all()
    db.session.commit()
    return list(names)


def is_sound(folder) -> bool:
    verdict = verify(db.session(), folder)
    db.session.commit()
    return verdict.is_sound


def test_a_long_transaction_with_a_lower_id_neither_blocks_sealing_nor_is_missed(
    postgres, tmp_path
):
    sealer = Sealer()
    with postgres.connect() as slow, postgres.connect() as quick:
        write(slow, "slow")
        write(quick, "quick")
        quick.commit()

        assert sealer.run(db.session()) == 0, "the lower id is not there yet"
        assert sealed_names() == []

        slow.commit()
        assert sealer.run(db.session()) == 2
    assert sealed_names() == ["slow", "quick"]
    assert is_sound(tmp_path)


def test_overlapping_transactions_only_delay_sealing(postgres, tmp_path):
    sealer = Sealer()
    with postgres.connect() as first, postgres.connect() as second:
        write(first, "first")
        assert sealer.run(db.session()) == 0
        write(second, "second")
        first.commit()
        # The second transaction began before the first ended, and is still open.
        assert sealer.run(db.session()) == 1
        assert sealed_names() == ["first"]
        write(first, "third")
        second.commit()
        assert sealer.run(db.session()) == 1
        first.rollback()
        assert sealer.run(db.session()) == 0
    assert sealed_names() == ["first", "second"]
    assert is_sound(tmp_path)


def test_a_transaction_with_an_allocated_but_unused_id_is_waited_for(postgres, tmp_path):
    """Between allocating an id and writing the row, a transaction has no transaction id."""
    sealer = Sealer()
    stopped = text(
        "INSERT INTO log_entry (id, at, channel, event, subject_type, subject_id, subject_name,"
        " actor_name) SELECT nextval('log_entry_id_seq'), now(), 'web', 'changed', 'contact', 1,"
        " '', (SELECT 'stopped' FROM pg_advisory_xact_lock(7))"
    )

    def run_stopped() -> None:
        with postgres.begin() as connection:
            connection.execute(stopped)

    # Use the sequence first: only its first use writes to the WAL, which assigns a transaction id.
    with postgres.begin() as connection:
        write(connection, "before")
    with postgres.connect() as gate:
        gate.execute(text("SELECT pg_advisory_lock(7)"))
        gate.commit()
        thread = threading.Thread(target=run_stopped)
        thread.start()
        waits = text(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
        )
        while not gate.scalar(waits):
            gate.commit()
        numbered = text("SELECT backend_xid FROM pg_stat_activity WHERE query LIKE 'INSERT%(7))'")
        assert gate.scalar(numbered) is None, "this is the moment the test is about"
        with postgres.begin() as quick:
            write(quick, "quick")
        assert sealer.run(db.session()) == 0
        gate.execute(text("SELECT pg_advisory_unlock(7)"))
        gate.commit()
        thread.join()
    assert sealer.run(db.session()) == 3
    assert sealed_names() == ["before", "stopped", "quick"]
    assert is_sound(tmp_path)


def test_sealing_does_not_block_writers(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(sealing, "CHUNK_SIZE", 10)
    with engine.begin() as connection:
        write(connection, "before", 35)
    at_once = "PRAGMA busy_timeout=0" if engine.dialect.name == "sqlite" else "SET lock_timeout=1"
    seal_digest = sealing.seal_digest
    written = []

    def digest_while_somebody_writes(*given):
        # No lock timeout: waiting for a lock is an error here.
        with engine.connect() as connection:
            connection.exec_driver_sql(at_once)
            write(connection, "meanwhile")
            connection.commit()
            connection.invalidate()
        written.append(given)
        return seal_digest(*given)

    monkeypatch.setattr(sealing, "seal_digest", digest_while_somebody_writes)
    assert Sealer().run(db.session()) == 35, "what was there when the pass began"
    assert len(written) == 4
    assert Sealer().run(db.session()) == 4
    monkeypatch.setattr(sealing, "seal_digest", seal_digest)
    assert is_sound(tmp_path)


def test_concurrent_sealing_on_two_hosts_makes_one_chain(engine, tmp_path, monkeypatch):
    with engine.begin() as connection:
        write(connection, "before", 30)
    monkeypatch.setattr(sealing, "CHUNK_SIZE", 10)
    seal_digest = sealing.seal_digest
    overtaken = []

    def digest_while_another_host_seals(*given):
        if not overtaken:
            overtaken.append(True)
            with Session(engine) as other:
                Sealer().run(other)
        return seal_digest(*given)

    monkeypatch.setattr(sealing, "seal_digest", digest_while_another_host_seals)
    Sealer().run(db.session())
    assert sealed_names() == ["before"] * 30
    assert is_sound(tmp_path)


def test_concurrent_writers_cause_no_discrepancies(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(sealing, "CHUNK_SIZE", 20)
    problems: list[Exception] = []

    def work(name: str) -> None:
        try:
            for number in range(25):
                with engine.connect() as connection:
                    write(connection, name, 1 + number % 3)
                    connection.rollback() if number % 5 == 4 else connection.commit()
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(f"writer {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    sealer, sealed = Sealer(), 0
    while any(thread.is_alive() for thread in threads):
        sealed += sealer.run(db.session())
        assert is_sound(tmp_path)
    for thread in threads:
        thread.join()
    sealed += sealer.run(db.session())
    assert problems == []
    assert sealed == len(sealed_names()) == sum(1 + n % 3 for n in range(25) if n % 5 != 4) * 4
    assert is_sound(tmp_path)
