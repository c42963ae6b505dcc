"""Several workers at once: only one gets a job, and one that lost its lease changes nothing."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.extensions import db
from app.jobs import leases
from app.jobs.leases import claim
from app.jobs.models import Job
from app.jobs.runner import run_job, run_now
from app.jobs.services import cancel
from app.types import now
from tests.databases import somebody_waits
from tests.jobs.counting_job import Tally, enqueue_tally, load_job, update_job, written_numbers
from tests.jobs.processes import wait_until

pytestmark = pytest.mark.both_databases


def start_thread(app, work) -> threading.Thread:
    def run():
        with app.app_context():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_only_one_of_many_workers_gets_a_job(own_app):
    job_id = enqueue_tally(200)
    ready = threading.Barrier(6)
    states: list[str] = []

    def try_to_run():
        ready.wait()
        states.append(run_job(job_id))

    threads = [start_thread(own_app, try_to_run) for _each in range(6)]
    for thread in threads:
        thread.join(60)
    assert len(states) == 6
    assert "done" in states
    assert written_numbers(job_id) == list(range(1, 201))
    assert load_job(job_id).done == 200
    assert Tally.ended == [200]


def test_an_uncommitted_claim_keeps_others_from_claiming(own_app):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("On SQLite the claim waits for the commit.")
    job_id = enqueue_tally(50)
    claimed, go_on = threading.Event(), threading.Event()

    def take():
        assert claim(db.session(), job_id, "first") is not None
        claimed.set()
        assert go_on.wait(60)
        db.session.commit()

    first = start_thread(own_app, take)
    assert claimed.wait(60)
    assert claim(db.session(), job_id, "second") is None
    db.session.rollback()
    go_on.set()
    first.join(60)
    assert load_job(job_id).owner == "first"


@pytest.mark.parametrize("moment", ["while it writes", "between chunks"])
def test_a_worker_that_lost_its_lease_changes_nothing(own_app, monkeypatch, moment):
    """A second worker takes the job while the first is blocked, and runs two chunks."""
    job_id = enqueue_tally(50)
    blocked, go_on = threading.Event(), threading.Event()
    states: list[str] = []
    first = []

    def block(*_args):
        if threading.current_thread() in first and len(Tally.actors) == 2 and not blocked.is_set():
            blocked.set()
            assert go_on.wait(60)
        return False

    def begin():
        first.append(threading.current_thread())
        states.append(run_job(job_id, should_stop=block))

    # Between chunks the first worker holds no lock. While it writes, it can lose its lease only if
    # the row is changed before it locks it.
    if moment == "while it writes":
        monkeypatch.setattr(leases, "lock_leased", get_without_lock)
        count = Tally.step

        def step(self, session, job, size):
            session.rollback()
            block()
            session.connection()
            return count(self, session, job, size)

        monkeypatch.setattr(Tally, "step", step)
    slow = start_thread(own_app, begin)
    assert blocked.wait(60)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(leases, "LEASE_DURATION", timedelta(seconds=30))
        update_job(job_id, lease_until=now() - timedelta(seconds=1))
        assert run_job(job_id, should_stop=iter([False, False, False, True]).__next__) == "queued"
        cursor = load_job(job_id).cursor
        assert cursor == 40
        go_on.set()
        slow.join(60)
    assert states == ["queued"], "it noticed that it lost the lease"
    job = load_job(job_id)
    assert (job.cursor, job.done, job.owner) == (40, 40, None)
    assert written_numbers(job_id) == list(range(1, 41))
    assert run_job(job_id) == "done"
    assert written_numbers(job_id) == list(range(1, 51))


def get_without_lock(session, job_id, owner, cursor=None):
    return session.get_one(Job, job_id, populate_existing=True)


def test_a_claim_does_not_wait_for_a_worker_in_the_middle_of_a_chunk(own_app, monkeypatch):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("On SQLite a writer locks the whole database.")
    job_id = enqueue_tally(50)
    blocked, go_on = threading.Event(), threading.Event()

    def block(session, job):
        blocked.set()
        assert go_on.wait(60)

    monkeypatch.setattr(Tally, "after", block)
    slow = start_thread(own_app, lambda: run_job(job_id))
    assert blocked.wait(60)
    lapsed = treat_leases_as_expired(monkeypatch)
    assert claim(db.session(), job_id, "another") is None, "though its lease has expired"
    db.session.rollback()
    lapsed.undo()
    go_on.set()
    slow.join(60)
    assert load_job(job_id).state == "done"


def treat_leases_as_expired(monkeypatch):
    """Treat every lease as expired, without changing the row another worker has locked."""
    patch = pytest.MonkeyPatch()
    patch.setattr(leases, "is_abandoned", lambda session: Job.state == "running")
    return patch


def test_a_cancelled_job_ends_after_its_current_chunk(own_app, monkeypatch):
    job_id = enqueue_tally(1_000)
    blocked, go_on = threading.Event(), threading.Event()

    def block(session, job):
        if job.cursor == 20:
            blocked.set()
            assert go_on.wait(60)

    monkeypatch.setattr(Tally, "after", block)
    states: list[str] = []
    worker = start_thread(own_app, lambda: states.append(run_job(job_id)))
    assert blocked.wait(60)

    def cancel_job():
        assert cancel(db.session(), job_id)
        db.session.commit()

    other = start_thread(own_app, cancel_job)
    if db.engine.dialect.name == "postgresql":
        wait_until(somebody_waits)
    go_on.set()
    other.join(60)
    worker.join(60)
    assert states == ["cancelled"]
    done = written_numbers(job_id)
    assert done == list(range(1, len(done) + 1))
    assert 30 <= len(done) < 1_000
    assert load_job(job_id).done == len(done)


def test_run_now_waits_for_another_worker(own_app, monkeypatch):
    job_id = enqueue_tally(50)
    blocked, go_on = threading.Event(), threading.Event()

    def block(session, job):
        blocked.set()
        assert go_on.wait(60)

    monkeypatch.setattr(Tally, "after", block)
    worker = start_thread(own_app, lambda: run_job(job_id))
    assert blocked.wait(60)
    if db.engine.dialect.name == "postgresql":
        assert run_now(job_id) == "running"
    threading.Timer(0.2, go_on.set).start()
    assert run_now(job_id, wait_seconds=None) == "done"
    worker.join(60)
    assert written_numbers(job_id) == list(range(1, 51))


def test_concurrent_requests_with_one_key_make_one_job(own_app):
    ready = threading.Barrier(6)
    job_ids: list[int] = []

    def enqueue_job():
        ready.wait()
        job_ids.append(enqueue_tally(5, key="once"))

    threads = [start_thread(own_app, enqueue_job) for _each in range(6)]
    for thread in threads:
        thread.join(60)
    assert len(job_ids) == 6
    assert len(set(job_ids)) == 1
    assert db.session.scalar(text("SELECT count(*) FROM job")) == 1
