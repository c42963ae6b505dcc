"""Two workers at once: one gets the job, and whoever lost it changes nothing."""

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
from tests.jobs.processes import wait_until
from tests.jobs.counting_job import Tally, a_tally, change, numbers, the_job


def in_a_thread(app, work) -> threading.Thread:
    def run():
        with app.app_context():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_of_many_who_want_a_job_one_gets_it(own_app):
    job_id = a_tally(200)
    ready = threading.Barrier(6)
    states: list[str] = []

    def want():
        ready.wait()
        states.append(run_job(job_id))

    threads = [in_a_thread(own_app, want) for _each in range(6)]
    for thread in threads:
        thread.join(60)
    assert len(states) == 6
    assert "done" in states
    assert numbers(job_id) == list(range(1, 201))
    assert the_job(job_id).done == 200
    assert Tally.ended == [200]


def test_a_claim_that_is_not_committed_yet_counts_already(own_app):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("On SQLite nobody else gets so far before the commit.")
    job_id = a_tally(50)
    claimed, go_on = threading.Event(), threading.Event()

    def take():
        assert claim(db.session(), job_id, "first") is not None
        claimed.set()
        assert go_on.wait(60)
        db.session.commit()

    first = in_a_thread(own_app, take)
    assert claimed.wait(60)
    assert claim(db.session(), job_id, "second") is None
    db.session.rollback()
    go_on.set()
    first.join(60)
    assert the_job(job_id).owner == "first"


@pytest.mark.parametrize("moment", ["while it writes", "between chunks"])
def test_a_worker_that_lost_its_job_changes_nothing(own_app, monkeypatch, moment):
    """Another takes the job while the first is held up, and does two chunks of it."""
    job_id = a_tally(50)
    held, go_on = threading.Event(), threading.Event()
    states: list[str] = []
    first = []

    def hold_up(*_args):
        if threading.current_thread() in first and len(Tally.actors) == 2 and not held.is_set():
            held.set()
            assert go_on.wait(60)
        return False

    def begin():
        first.append(threading.current_thread())
        states.append(run_job(job_id, stops=hold_up))

    # Between chunks the first worker holds no lock; while it writes, it loses its lease only to
    # somebody who changes the row beforehand.
    if moment == "while it writes":
        monkeypatch.setattr(leases, "hold", without_lock)
        count = Tally.step

        def step(self, session, job, size):
            session.rollback()
            hold_up()
            session.connection()
            return count(self, session, job, size)

        monkeypatch.setattr(Tally, "step", step)
    slow = in_a_thread(own_app, begin)
    assert held.wait(60)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(leases, "LEASE", timedelta(seconds=30))
        change(job_id, lease_until=now() - timedelta(seconds=1))
        assert run_job(job_id, stops=iter([False, False, False, True]).__next__) == "queued"
        cursor = the_job(job_id).cursor
        assert cursor == 40
        go_on.set()
        slow.join(60)
    assert states == ["queued"], "it saw that the job is not its own any more"
    job = the_job(job_id)
    assert (job.cursor, job.done, job.owner) == (40, 40, None)
    assert numbers(job_id) == list(range(1, 41))
    assert run_job(job_id) == "done"
    assert numbers(job_id) == list(range(1, 51))


def without_lock(session, job_id, owner, cursor):
    return session.get_one(Job, job_id, populate_existing=True)


def test_who_is_in_the_middle_of_a_chunk_is_not_waited_for(own_app, monkeypatch):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("On SQLite whoever writes has the whole database.")
    job_id = a_tally(50)
    held, go_on = threading.Event(), threading.Event()

    def hold_up(session, job):
        held.set()
        assert go_on.wait(60)

    monkeypatch.setattr(Tally, "after", hold_up)
    slow = in_a_thread(own_app, lambda: run_job(job_id))
    assert held.wait(60)
    lapsed = own_lease_lapsed(monkeypatch)
    assert claim(db.session(), job_id, "another") is None, "though its lease is over"
    db.session.rollback()
    lapsed.undo()
    go_on.set()
    slow.join(60)
    assert the_job(job_id).state == "done"


def own_lease_lapsed(monkeypatch):
    """Let every lease seem over, without touching the row another has locked."""
    patch = pytest.MonkeyPatch()
    patch.setattr(leases, "is_abandoned", lambda session: Job.state == "running")
    return patch


def test_calling_a_job_off_waits_for_the_chunk_it_is_at_and_no_longer(own_app, monkeypatch):
    job_id = a_tally(1_000)
    held, go_on = threading.Event(), threading.Event()

    def hold_up(session, job):
        if job.cursor == 20:
            held.set()
            assert go_on.wait(60)

    monkeypatch.setattr(Tally, "after", hold_up)
    states: list[str] = []
    worker = in_a_thread(own_app, lambda: states.append(run_job(job_id)))
    assert held.wait(60)

    def call_off():
        assert cancel(db.session(), job_id)
        db.session.commit()

    other = in_a_thread(own_app, call_off)
    if db.engine.dialect.name == "postgresql":
        wait_until(somebody_waits)
    go_on.set()
    other.join(60)
    worker.join(60)
    assert states == ["cancelled"]
    done = numbers(job_id)
    assert done == list(range(1, len(done) + 1))
    assert 30 <= len(done) < 1_000
    assert the_job(job_id).done == len(done)


def test_whoever_wants_to_know_the_end_waits_for_it(own_app, monkeypatch):
    job_id = a_tally(50)
    held, go_on = threading.Event(), threading.Event()

    def hold_up(session, job):
        held.set()
        assert go_on.wait(60)

    monkeypatch.setattr(Tally, "after", hold_up)
    worker = in_a_thread(own_app, lambda: run_job(job_id))
    assert held.wait(60)
    if db.engine.dialect.name == "postgresql":
        assert run_now(job_id) == "running"
    threading.Timer(0.2, go_on.set).start()
    assert run_now(job_id, patience=None) == "done"
    worker.join(60)
    assert numbers(job_id) == list(range(1, 51))


def test_the_same_key_from_many_at_once_is_one_job(own_app):
    ready = threading.Barrier(6)
    found: list[int] = []

    def ask():
        ready.wait()
        found.append(a_tally(5, key="once"))

    threads = [in_a_thread(own_app, ask) for _each in range(6)]
    for thread in threads:
        thread.join(60)
    assert len(found) == 6
    assert len(set(found)) == 1
    assert db.session.scalar(text("SELECT count(*) FROM job")) == 1
