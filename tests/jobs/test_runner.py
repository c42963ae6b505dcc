"""A job is run once, by one worker, as the user who asked for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask_babel import gettext as _
from sqlalchemy import update

from app.errors import DomainError
from app.extensions import db
from app.jobs.leases import LEASE_DURATION, MAX_ATTEMPTS, RETRY_DELAYS, claim, new_owner
from app.jobs.models import Job
from app.jobs.runner import run_job, run_now
from app.jobs.services import cancel, enqueue
from app.security.actor import SYSTEM
from app.staff.models import StaffUser
from app.types import now
from tests.jobs.counting_job import Tally, enqueue_tally, load_job, update_job, written_numbers
from tests.people import BRUNO

pytestmark = [pytest.mark.usefixtures("table"), pytest.mark.both_databases]


def test_a_job_runs_chunk_by_chunk_to_its_end():
    job_id = enqueue_tally(25)
    assert run_job(job_id) == "done"
    job = load_job(job_id)
    assert written_numbers(job_id) == list(range(1, 26))
    assert (job.state, job.cursor, job.done, job.attempts) == ("done", 25, 25, 0)
    assert (job.owner, job.lease_until) == (None, None)
    assert job.started_at <= job.finished_at
    assert Tally.ended == [25], "end() gets the last cursor"
    assert len(Tally.actors) == 3


def test_a_finished_job_is_not_run_again():
    job_id = enqueue_tally(25)
    run_job(job_id)
    assert run_job(job_id) == "done"
    assert run_now(job_id) == "done"
    assert Tally.ended == [25]


def test_an_unknown_job_id_has_no_state():
    assert run_job(987_654) == ""


def test_a_delayed_job_runs_only_with_run_now():
    job_id = enqueue_tally(5, delay=60)
    assert run_job(job_id) == "queued"
    assert written_numbers(job_id) == []
    assert run_now(job_id) == "done"
    assert written_numbers(job_id) == [1, 2, 3, 4, 5]


def test_enqueueing_the_same_key_twice_returns_the_same_job():
    assert enqueue_tally(5, key="k") == enqueue_tally(5, key="k")
    assert enqueue_tally(5, key="other") != enqueue_tally(5, key="k")


def test_a_claimed_job_is_not_run_by_others():
    job_id = enqueue_tally(25)
    assert claim(db.session(), job_id, "another") is not None
    db.session.commit()
    assert run_job(job_id) == "running"
    assert run_now(job_id) == "running"
    assert written_numbers(job_id) == []


def test_a_job_with_an_expired_lease_is_taken_over():
    job_id = enqueue_tally(25)
    claim(db.session(), job_id, "another")
    db.session.commit()
    update_job(job_id, lease_until=now() - timedelta(seconds=1), cursor=10, done=10)
    assert run_job(job_id) == "done"
    assert written_numbers(job_id) == list(range(11, 26)), "it continued at the cursor"
    assert load_job(job_id).done == 25


def test_a_lease_from_before_the_clock_was_set_back_counts_as_expired():
    job_id = enqueue_tally(25)
    claim(db.session(), job_id, "another")
    db.session.commit()
    update_job(job_id, lease_until=now() + LEASE_DURATION + timedelta(hours=1))
    assert run_job(job_id) == "done"


def test_a_job_runs_as_the_user_who_asked_and_in_their_language(session, monkeypatch):
    bruno = BRUNO.user
    bruno.language = "es"
    session.commit()
    job_id = enqueue_tally(25, actor=bruno.as_actor().with_channel("api"))
    texts = []
    monkeypatch.setattr(Tally, "after", lambda session, job: texts.append(_("Contacts")))
    assert run_job(job_id) == "done"
    assert {(actor.id, actor.channel) for actor in Tally.actors} == {(bruno.id, "api")}
    assert set(texts) == {"Contactos"}, "in their language"


def test_a_job_uses_the_current_rights_of_its_user(session):
    actor = BRUNO.as_actor()
    job_id = enqueue_tally(5, actor=actor)
    user = BRUNO.user
    user.roles = []
    session.commit()
    run_job(job_id)
    assert actor.role_ids
    assert Tally.actors[0].role_ids == frozenset()


@pytest.mark.parametrize("how", ["inactive", "trashed", "left"])
def test_a_job_of_a_user_who_may_no_longer_log_in_fails(session, how):
    job_id = enqueue_tally(25, actor=BRUNO.as_actor())
    user = BRUNO.user
    if how == "inactive":
        user.active = False
    elif how == "trashed":
        user.trashed_at = now()
    else:
        user.employed_until = (now() - timedelta(days=3)).date()
    session.commit()
    assert run_job(job_id) == "failed"
    assert written_numbers(job_id) == []
    assert load_job(job_id).error == "The person who started this can no longer sign in."


@pytest.mark.parametrize("refresh_seconds", [0.0, 3600.0])
def test_rights_are_loaded_again_while_a_job_runs(session, monkeypatch, refresh_seconds):
    bruno = BRUNO.user.id
    job_id = enqueue_tally(35, actor=BRUNO.as_actor())
    monkeypatch.setattr("app.jobs.runner.ACTOR_REFRESH_SECONDS", refresh_seconds)

    def deactivate(session, job):
        if job.cursor == 10:
            session.execute(update(StaffUser).where(StaffUser.id == bruno).values(active=False))

    monkeypatch.setattr(Tally, "after", deactivate)
    assert run_job(job_id) == ("done" if refresh_seconds else "failed")
    assert len(written_numbers(job_id)) == (35 if refresh_seconds else 20)


def test_loading_the_rights_before_every_chunk_does_not_disturb_a_job(monkeypatch):
    job_id = enqueue_tally(95, actor=BRUNO.as_actor())
    monkeypatch.setattr("app.jobs.runner.ACTOR_REFRESH_SECONDS", 0.0)
    assert run_job(job_id) == "done"
    assert written_numbers(job_id) == list(range(1, 96))
    assert len(Tally.actors) == 10
    assert Tally.ended == [95]


def test_a_job_of_a_purged_user_does_not_run_as_the_system():
    job_id = enqueue_tally(25, actor=BRUNO.as_actor())
    update_job(job_id, actor_id=None)
    assert run_job(job_id) == "failed"
    assert written_numbers(job_id) == []


def test_a_queued_job_can_be_cancelled():
    job_id = enqueue_tally(25, delay=600)
    assert cancel(db.session(), job_id)
    db.session.commit()
    assert run_job(job_id) == "cancelled", "at once, whatever its run_at"
    assert written_numbers(job_id) == []
    assert Tally.ended == [0]
    assert load_job(job_id).finished_at is not None
    assert not cancel(db.session(), job_id)


def test_a_cancelled_job_of_an_inactive_user_still_ends(session):
    job_id = enqueue_tally(25, actor=BRUNO.as_actor())
    BRUNO.user.active = False
    session.commit()
    cancel(db.session(), job_id)
    db.session.commit()
    assert run_job(job_id) == "cancelled"


def test_a_running_job_is_cancelled_between_chunks():
    job_id = enqueue_tally(1000)
    looks = iter(range(100))

    def cancel_after_two_chunks():
        if next(looks) == 3:
            cancel(db.session(), job_id)
            db.session.commit()
        return False

    assert run_job(job_id, should_stop=cancel_after_two_chunks) == "cancelled"
    assert written_numbers(job_id) == list(range(1, 21))
    job = load_job(job_id)
    assert (job.done, job.owner) == (20, None)
    assert Tally.ended == [20]


def test_a_domain_error_fails_the_job_with_its_message(monkeypatch):
    job_id = enqueue_tally(25)

    def refuse(session, job):
        if job.cursor == 10:
            raise DomainError("There is no such status any more.")

    monkeypatch.setattr(Tally, "after", refuse)
    assert run_job(job_id) == "failed"
    job = load_job(job_id)
    assert job.error == "There is no such status any more."
    assert written_numbers(job_id) == list(range(1, 11)), "the failed chunk is rolled back"
    assert job.finished_at is not None


def fail_at_10(session, job):
    if job.cursor == 10:
        raise RuntimeError("on purpose")


def test_an_error_is_retried_with_growing_delays_until_the_last_attempt(monkeypatch, caplog):
    job_id = enqueue_tally(25)
    monkeypatch.setattr(Tally, "after", fail_at_10)
    for wait in RETRY_DELAYS:
        before = now()
        assert run_job(job_id) == "queued"
        job = load_job(job_id)
        assert before + wait <= job.run_at <= now() + wait
        assert job.error.startswith("Something went wrong")
        assert job.owner is None
        assert run_job(job_id) == "queued", "not before run_at"
        assert load_job(job_id).run_at == job.run_at
        update_job(job_id, run_at=now())
    assert run_job(job_id) == "failed"
    assert written_numbers(job_id) == list(range(1, 11))
    assert caplog.text.count("in fail_at_10") == MAX_ATTEMPTS


def test_progress_resets_the_attempts(monkeypatch):
    job_id = enqueue_tally(25)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Tally, "after", fail_at_10)
        for _each in range(MAX_ATTEMPTS - 1):
            run_job(job_id)
            update_job(job_id, run_at=now())
    assert load_job(job_id).attempts == MAX_ATTEMPTS - 1
    assert run_job(job_id) == "done"
    job = load_job(job_id)
    assert (job.attempts, job.error) == (0, "")
    assert written_numbers(job_id) == list(range(1, 26))


def test_a_job_that_kills_its_workers_fails_after_the_last_attempt():
    job_id = enqueue_tally(25)
    begun = 0
    for _each in range(MAX_ATTEMPTS + 3):
        begun += claim(db.session(), job_id, new_owner()) is not None
        db.session.commit()
        if load_job(job_id).state == "running":
            update_job(job_id, lease_until=now() - timedelta(seconds=1))
    assert begun == MAX_ATTEMPTS
    job = load_job(job_id)
    assert (job.state, job.owner) == ("failed", None)
    assert "made no progress" in job.error


def test_a_job_of_an_unknown_kind_is_retried_later():
    job = enqueue(db.session(), "from the future", {}, SYSTEM)
    db.session.commit()
    assert run_job(job.id) == "queued"
    assert load_job(job.id).run_at > now()


@pytest.mark.parametrize("cursor", [5, 10])
def test_a_step_that_does_not_advance_is_an_error(monkeypatch, caplog, cursor):
    job_id = enqueue_tally(25)
    count = Tally.step

    def back(self, session, job, size):
        step = count(self, session, job, size)
        return step if job.cursor == 0 else replace(step, cursor=cursor)

    monkeypatch.setattr(Tally, "step", back)
    assert run_job(job_id) == "queued"
    assert load_job(job_id).cursor == 10
    assert written_numbers(job_id) == list(range(1, 11))
    assert f"went from 10 to {cursor}" in caplog.text


def test_a_stopping_worker_releases_its_job():
    job_id = enqueue_tally(100)
    looks = iter([False, False, False, True])
    assert run_job(job_id, should_stop=lambda: next(looks)) == "queued"
    job = load_job(job_id)
    assert (job.owner, job.lease_until, job.attempts) == (None, None, 0)
    assert job.run_at <= now(), "another worker may claim it at once"
    assert written_numbers(job_id) == list(range(1, job.cursor + 1))
    assert 0 < job.cursor < 100
    assert run_job(job_id) == "done"
    assert written_numbers(job_id) == list(range(1, 101))


def test_a_release_is_not_a_failed_attempt():
    job_id = enqueue_tally(100)
    for _each in range(MAX_ATTEMPTS + 2):
        looks = iter([False, True])
        assert run_job(job_id, should_stop=lambda looks=looks: next(looks)) == "queued"
    assert load_job(job_id).attempts == 0
    assert run_job(job_id) == "done"


def test_a_keyboard_interrupt_releases_the_job(monkeypatch):
    job_id = enqueue_tally(100)

    def interrupt(session, job):
        if job.cursor == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(Tally, "after", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_now(job_id, wait_seconds=None)
    job = load_job(job_id)
    assert (job.state, job.cursor, job.owner) == ("queued", 20, None)


def test_the_session_is_usable_after_run_now(session):
    bruno = BRUNO.user
    job = enqueue(db.session(), "tally", {"upto": 25}, bruno.as_actor(), delay=60)
    db.session.commit()
    assert run_now(job.id) == "done"
    assert job.state == "done", "the row is refreshed"
    assert bruno.username == "bruno"
    bruno.first_name = "Bruno II"
    db.session.commit()
    assert db.session.get(Job, job.id).cursor == 25
