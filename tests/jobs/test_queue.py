"""A kick travels after the commit, says nothing but a job's number, and may be lost."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from app.periodic import run_once
from app.extensions import db
from app.jobs import queue as carriers
from app.jobs.queue import Kicks, carrier_of
from app.jobs.periodic import SweepJobs
from app.jobs.leases import claim
from app.jobs.runner import run_job
from app.jobs.services import cancel, enqueue
from app.security.actor import SYSTEM
from app.types import now
from tests.jobs.processes import a_redis
from tests.jobs.counting_job import a_tally, change, the_job
from tests.ports import free_port


@pytest.fixture
def kicked(app, session, monkeypatch) -> list[int]:
    """Give the jobs that were kicked."""
    found: list[int] = []
    monkeypatch.setattr("app.jobs.listeners.kick", found.extend)
    return found


@pytest.fixture
def carrying(app, session, tmp_path, monkeypatch):
    """Let the program carry, in a folder of the test."""
    monkeypatch.setitem(app.config, "CARRIES_JOBS", True)
    monkeypatch.setitem(app.config, "DATA_DIR", str(tmp_path))
    monkeypatch.delitem(app.extensions, "jobs", raising=False)
    yield carrier_of(app)
    carrier_of(app).huey.storage.close()
    app.extensions.pop("jobs", None)


def ask(**more) -> int:
    return enqueue(db.session(), "tally", {"upto": 5}, SYSTEM, **more).id


def test_a_job_is_kicked_after_the_commit_and_not_before(kicked):
    job_id = ask()
    db.session.flush()
    assert kicked == []
    db.session.commit()
    assert kicked == [job_id]
    db.session.commit()
    assert kicked == [job_id]


def test_a_savepoint_is_no_commit(kicked):
    with db.session.begin_nested():
        job_id = ask()
        with db.session.begin_nested():
            pass
    assert kicked == []
    db.session.commit()
    assert kicked == [job_id]


def test_a_job_that_was_rolled_back_is_never_kicked(kicked):
    ask()
    db.session.rollback()
    db.session.commit()
    assert kicked == []


def test_a_job_that_somebody_runs_at_once_is_not_kicked(kicked):
    ask(delay=60)
    db.session.commit()
    assert kicked == []


def test_a_job_that_is_called_off_is_kicked_so_that_it_ends(kicked):
    job_id = a_tally(5, delay=60)
    cancel(db.session(), job_id)
    db.session.commit()
    assert kicked == [job_id]


def test_a_job_that_is_given_back_is_kicked_for_the_next(kicked, table):
    job_id = a_tally(50)
    kicked.clear()
    run_job(job_id, stops=iter([False, False, True]).__next__)
    assert kicked == [job_id]


def test_the_ordinary_suite_carries_nothing(app, session):
    threads = threading.active_count()
    a_tally(5)
    assert carrier_of(app) is None
    assert not (Path(app.config["DATA_DIR"]) / "jobs.sqlite3").exists()
    assert threading.active_count() == threads


def test_nothing_but_the_number_of_a_job_travels(carrying):
    job_id = a_tally(5, title="Clara García")
    assert carrying.waiting() == 1
    [sent] = carrying.huey.storage.enqueued_items()
    assert json.loads(bytes(sent)) == {"job": job_id}


def test_what_arrives_is_a_look_at_that_job_and_nothing_else(carrying, table, monkeypatch):
    job_id = a_tally(5)
    looked = []
    monkeypatch.setattr(carriers.runner, "run_job", lambda number, **more: looked.append(number))
    carrying.huey.execute(carrying.huey.dequeue())
    assert looked == [job_id]
    assert carrying.waiting() == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"\x80\x04\x95\x10", b"[]", b"12", b"null", b'{"job": "12"}', b'{"job": true}',
        b'{"job": 1.5}', b'{"job": [1]}', b"{}", b"cos\nsystem\n(S'true'\ntR.",
    ],
)  # fmt: skip
def test_what_no_carrier_of_ours_wrote_is_refused(sent):
    with pytest.raises(ValueError):  # noqa: PT011 - of JSON or of our own
        Kicks().deserialize(sent)


def test_a_queue_that_cannot_be_reached_is_no_trouble_of_the_request(
    carrying, monkeypatch, caplog
):
    tried = []

    def refuse(*args, **more):
        tried.append(args)
        raise ConnectionError("redis://:secret@cache")

    monkeypatch.setattr(carrying.huey.storage, "enqueue", refuse)
    first, second = a_tally(5), a_tally(5)
    assert the_job(first).state == the_job(second).state == "queued"
    assert len(tried) == 1, "not again at each request"
    assert "The queue of jobs takes nothing: ConnectionError" in caplog.text
    assert "secret" not in caplog.text


def test_a_queue_that_cannot_be_opened_is_no_trouble_either(app, session, monkeypatch, caplog):
    monkeypatch.setitem(app.config, "CARRIES_JOBS", True)
    monkeypatch.setitem(app.config, "DATA_DIR", "/proc/nowhere")
    assert the_job(a_tally(5)).state == "queued"
    assert "The queue of jobs cannot be opened" in caplog.text


def queue_of(**config) -> str:
    app = Flask("elsewhere")
    app.config.update(
        {
            "SECRET_KEY": "k" * 32,
            "REDIS_URL": "redis://127.0.0.1",
            "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://padron:one@db.example.org/padron",
        }
        | config
    )
    return carriers._queue(app).storage.queue_key


def test_installations_on_the_same_redis_have_queues_of_their_own():
    other = "postgresql+psycopg://padron:one@db.example.org/test"
    same = "postgresql+psycopg://worker:two@db.example.org/padron"
    assert queue_of() == queue_of(SQLALCHEMY_DATABASE_URI=same)
    assert queue_of() != queue_of(SQLALCHEMY_DATABASE_URI=other)
    assert queue_of() != queue_of(SECRET_KEY="l" * 32)


# The sweeper.


def swept(app, carrying) -> list[int]:
    carrying.huey.storage.flush_queue()
    assert run_once(app, SweepJobs)
    return [json.loads(bytes(sent))["job"] for sent in carrying.huey.storage.enqueued_items()]


def test_the_sweeper_finds_jobs_whose_kick_was_lost(app, carrying):
    job_id = a_tally(5)
    assert swept(app, carrying) == [], "just now is not lost"
    change(job_id, run_at=now() - timedelta(seconds=3))
    assert swept(app, carrying) == [job_id]


def test_the_sweeper_finds_jobs_whose_worker_died_and_lets_the_others_work(app, carrying):
    lost, alive, later = a_tally(5), a_tally(5), a_tally(5, delay=60)
    for job_id in (lost, alive):
        claim(db.session(), job_id, "somebody")
        db.session.commit()
    change(lost, lease_until=now() - timedelta(seconds=1))
    assert swept(app, carrying) == [lost]
    cancel(db.session(), later)
    db.session.commit()
    assert swept(app, carrying) == [lost, later], "what was called off need not wait"


def test_the_sweeper_heaps_no_kick_on_kicks_nobody_takes(app, carrying):
    job_id = a_tally(5)
    change(job_id, run_at=now() - timedelta(minutes=1))
    for _each in range(5):
        assert run_once(app, SweepJobs)
    assert carrying.waiting() == 1


def test_a_large_job_makes_room_for_one_that_waits(carrying, table, monkeypatch):
    monkeypatch.setattr(carriers, "SLICE", 0.0)
    large, small = a_tally(100), a_tally(5)
    queue = carrying.huey
    queue.execute(queue.dequeue())
    assert (the_job(large).state, the_job(large).cursor) == ("queued", 10)
    queue.execute(queue.dequeue())
    assert the_job(small).state == "done"
    queue.execute(queue.dequeue())
    assert the_job(large).state == "done", "nobody waits any more"


def test_a_queue_that_goes_away_is_no_trouble_of_the_job_at_hand(carrying, table, monkeypatch):
    def refuse():
        raise ConnectionError

    monkeypatch.setattr(carriers, "SLICE", 0.0)
    job_id = a_tally(100)
    task = carrying.huey.dequeue()
    monkeypatch.setattr(carrying.huey.storage, "queue_size", refuse)
    carrying.huey.execute(task)
    assert the_job(job_id).state == "done"


def test_redis_carries_as_the_file_does(app, session, table, tmp_path, monkeypatch):
    with a_redis(tmp_path, free_port()) as url:
        monkeypatch.setitem(app.config, "CARRIES_JOBS", True)
        monkeypatch.setitem(app.config, "REDIS_URL", url)
        monkeypatch.delitem(app.extensions, "jobs", raising=False)
        carrier = carrier_of(app)
        try:
            job_id = a_tally(5)
            assert carrier.waiting() == 1
            carrier.huey.execute(carrier.huey.dequeue())
            assert the_job(job_id).state == "done"
        finally:
            carrier.huey.storage.close()
            del app.extensions["jobs"]
