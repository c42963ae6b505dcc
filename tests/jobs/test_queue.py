"""Workers are notified after the commit; a message holds only a job id and may be lost."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from app.extensions import db
from app.jobs import queue as queue_module
from app.jobs.leases import claim
from app.jobs.periodic import RequeueStalledJobs
from app.jobs.queue import JobIdSerializer, get_job_queue
from app.jobs.runner import run_job
from app.jobs.services import cancel, enqueue
from app.periodic import run_once
from app.security.actor import SYSTEM
from app.types import now
from tests.jobs.counting_job import enqueue_tally, load_job, update_job
from tests.jobs.processes import redis_server
from tests.ports import free_port

pytestmark = pytest.mark.both_databases


@pytest.fixture
def notified(app, session, monkeypatch) -> list[int]:
    """Record the ids of jobs that workers are notified of."""
    job_ids: list[int] = []
    monkeypatch.setattr("app.jobs.listeners.notify_workers", job_ids.extend)
    return job_ids


@pytest.fixture
def queue(app, session, tmp_path, monkeypatch):
    """Enable the job queue, in a folder of the test."""
    monkeypatch.setitem(app.config, "JOB_QUEUE_ENABLED", True)
    monkeypatch.setitem(app.config, "DATA_DIR", str(tmp_path))
    monkeypatch.delitem(app.extensions, "jobs", raising=False)
    yield get_job_queue(app)
    get_job_queue(app).huey.storage.close()
    app.extensions.pop("jobs", None)


def enqueue_job(**more) -> int:
    return enqueue(db.session(), "tally", {"upto": 5}, SYSTEM, **more).id


def test_workers_are_notified_after_the_commit(notified):
    job_id = enqueue_job()
    db.session.flush()
    assert notified == []
    db.session.commit()
    assert notified == [job_id]
    db.session.commit()
    assert notified == [job_id]


def test_the_end_of_a_savepoint_notifies_nobody(notified):
    with db.session.begin_nested():
        job_id = enqueue_job()
        with db.session.begin_nested():
            pass
    assert notified == []
    db.session.commit()
    assert notified == [job_id]


def test_a_rollback_discards_the_notification(notified):
    enqueue_job()
    db.session.rollback()
    db.session.commit()
    assert notified == []


def test_a_delayed_job_notifies_nobody(notified):
    enqueue_job(delay=60)
    db.session.commit()
    assert notified == []


def test_a_cancellation_notifies_workers(notified):
    job_id = enqueue_tally(5, delay=60)
    cancel(db.session(), job_id)
    db.session.commit()
    assert notified == [job_id]


def test_a_released_job_notifies_workers(notified, table):
    job_id = enqueue_tally(50)
    notified.clear()
    run_job(job_id, should_stop=iter([False, False, True]).__next__)
    assert notified == [job_id]


def test_tests_have_no_job_queue_by_default(app, session):
    threads = threading.active_count()
    enqueue_tally(5)
    assert get_job_queue(app) is None
    assert not (Path(app.config["DATA_DIR"]) / "jobs.sqlite3").exists()
    assert threading.active_count() == threads


def test_a_message_holds_only_the_job_id(queue):
    job_id = enqueue_tally(5, title="Clara García")
    assert queue.count_pending() == 1
    [sent] = queue.huey.storage.enqueued_items()
    assert json.loads(bytes(sent)) == {"job": job_id}


def test_a_message_runs_the_job_it_names(queue, table, monkeypatch):
    job_id = enqueue_tally(5)
    run_ids = []
    monkeypatch.setattr(
        queue_module.runner, "run_job", lambda number, **more: run_ids.append(number)
    )
    queue.huey.execute(queue.huey.dequeue())
    assert run_ids == [job_id]
    assert queue.count_pending() == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"\x80\x04\x95\x10", b"[]", b"12", b"null", b'{"job": "12"}', b'{"job": true}',
        b'{"job": 1.5}', b'{"job": [1]}', b"{}", b"cos\nsystem\n(S'true'\ntR.",
    ],
)  # fmt: skip
def test_malformed_messages_are_refused(sent):
    with pytest.raises(ValueError):  # noqa: PT011 - of JSON or of our own
        JobIdSerializer().deserialize(sent)


def test_an_unreachable_queue_does_not_fail_the_request_and_is_not_tried_each_time(
    queue, monkeypatch, caplog
):
    tried = []

    def refuse(*args, **more):
        tried.append(args)
        raise ConnectionError("redis://:secret@cache")

    monkeypatch.setattr(queue.huey.storage, "enqueue", refuse)
    first, second = enqueue_tally(5), enqueue_tally(5)
    assert load_job(first).state == load_job(second).state == "queued"
    assert len(tried) == 1, "not tried at each request"
    assert "The job queue cannot be reached: ConnectionError" in caplog.text
    assert "secret" not in caplog.text


def test_a_queue_that_cannot_be_opened_does_not_fail_the_request(
    app, session, monkeypatch, caplog
):
    monkeypatch.setitem(app.config, "JOB_QUEUE_ENABLED", True)
    monkeypatch.setitem(app.config, "DATA_DIR", "/proc/nowhere")
    assert load_job(enqueue_tally(5)).state == "queued"
    assert "The job queue cannot be opened" in caplog.text


def queue_key(**config) -> str:
    app = Flask("elsewhere")
    app.config.update(
        {
            "SECRET_KEY": "k" * 32,
            "REDIS_URL": "redis://127.0.0.1",
            "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://padron:one@db.example.org/padron",
        }
        | config
    )
    return queue_module._make_huey(app).storage.queue_key


def test_installations_on_the_same_redis_have_separate_queues():
    other = "postgresql+psycopg://padron:one@db.example.org/test"
    same = "postgresql+psycopg://worker:two@db.example.org/padron"
    assert queue_key() == queue_key(SQLALCHEMY_DATABASE_URI=same)
    assert queue_key() != queue_key(SQLALCHEMY_DATABASE_URI=other)
    assert queue_key() != queue_key(SECRET_KEY="l" * 32)


def requeue_stalled(app, queue) -> list[int]:
    queue.huey.storage.flush_queue()
    assert run_once(app, RequeueStalledJobs)
    return [json.loads(bytes(sent))["job"] for sent in queue.huey.storage.enqueued_items()]


def test_a_job_whose_notification_was_lost_is_requeued(app, queue):
    job_id = enqueue_tally(5)
    assert requeue_stalled(app, queue) == [], "it was enqueued just now"
    update_job(job_id, run_at=now() - timedelta(seconds=3))
    assert requeue_stalled(app, queue) == [job_id]


def test_only_jobs_with_an_expired_lease_or_a_cancellation_are_requeued(app, queue):
    lost, alive, later = enqueue_tally(5), enqueue_tally(5), enqueue_tally(5, delay=60)
    for job_id in (lost, alive):
        claim(db.session(), job_id, "another")
        db.session.commit()
    update_job(lost, lease_until=now() - timedelta(seconds=1))
    assert requeue_stalled(app, queue) == [lost]
    cancel(db.session(), later)
    db.session.commit()
    assert requeue_stalled(app, queue) == [lost, later], "a cancelled job need not wait"


def test_nothing_is_requeued_while_messages_are_pending(app, queue):
    job_id = enqueue_tally(5)
    update_job(job_id, run_at=now() - timedelta(minutes=1))
    for _each in range(5):
        assert run_once(app, RequeueStalledJobs)
    assert queue.count_pending() == 1


def test_a_large_job_yields_to_a_waiting_one(queue, table, monkeypatch):
    monkeypatch.setattr(queue_module, "TIME_SLICE_SECONDS", 0.0)
    large, small = enqueue_tally(100), enqueue_tally(5)
    huey = queue.huey
    huey.execute(huey.dequeue())
    assert (load_job(large).state, load_job(large).cursor) == ("queued", 10)
    huey.execute(huey.dequeue())
    assert load_job(small).state == "done"
    huey.execute(huey.dequeue())
    assert load_job(large).state == "done", "no other job waits"


def test_a_job_finishes_when_the_queue_becomes_unreachable(queue, table, monkeypatch):
    def refuse():
        raise ConnectionError

    monkeypatch.setattr(queue_module, "TIME_SLICE_SECONDS", 0.0)
    job_id = enqueue_tally(100)
    task = queue.huey.dequeue()
    monkeypatch.setattr(queue.huey.storage, "queue_size", refuse)
    queue.huey.execute(task)
    assert load_job(job_id).state == "done"


def test_redis_delivers_messages_like_the_sqlite_queue(app, session, table, tmp_path, monkeypatch):
    with redis_server(tmp_path, free_port()) as url:
        monkeypatch.setitem(app.config, "JOB_QUEUE_ENABLED", True)
        monkeypatch.setitem(app.config, "REDIS_URL", url)
        monkeypatch.delitem(app.extensions, "jobs", raising=False)
        queue = get_job_queue(app)
        try:
            job_id = enqueue_tally(5)
            assert queue.count_pending() == 1
            queue.huey.execute(queue.huey.dequeue())
            assert load_job(job_id).state == "done"
        finally:
            queue.huey.storage.close()
            del app.extensions["jobs"]
