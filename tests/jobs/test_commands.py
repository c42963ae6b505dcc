"""The commands list, run and cancel jobs; the doctor reports overdue ones."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from app.checks import DANGER, WARNING
from app.extensions import db
from app.jobs.checks import OverdueJobs, UnreachableRedis
from app.jobs.leases import claim
from app.jobs.models import Job
from app.jobs.recovery import RETENTION, delete_old_jobs
from app.types import now
from tests.jobs.counting_job import Tally, enqueue_tally, load_job, update_job, written_numbers
from tests.jobs.processes import redis_server
from tests.ports import free_port


@pytest.fixture
def shell(app, table):
    def run(*args: object):
        return app.test_cli_runner().invoke(args=["jobs", *map(str, args)])

    return run


def test_jobs_run_runs_a_job_now(shell):
    job_id = enqueue_tally(25, title="Counting", delay=600)
    reply = shell("run", job_id)
    assert reply.exit_code == 0, reply.output
    printed = json.loads(reply.output)
    assert (printed["id"], printed["state"], printed["done"], printed["total"]) == (
        job_id,
        "done",
        25,
        25,
    )
    assert "payload" not in printed
    assert written_numbers(job_id) == list(range(1, 26))


def test_jobs_run_exits_with_1_when_the_job_fails(shell):
    job_id = enqueue_tally(25)
    update_job(job_id, channel="web")
    reply = shell("run", job_id)
    assert reply.exit_code == 1
    assert json.loads(reply.output)["error"].startswith("The person who started this")


def test_jobs_run_retries_a_failed_attempt(shell, monkeypatch):
    job_id = enqueue_tally(25)
    failed = []

    def once(session, job):
        if not failed:
            failed.append(1)
            raise RuntimeError("on purpose")

    monkeypatch.setattr(Tally, "after", once)
    monkeypatch.setattr("app.jobs.leases.RETRY_DELAYS", (timedelta(0),) * 4)
    reply = shell("run", job_id)
    assert reply.exit_code == 0, reply.output
    assert written_numbers(job_id) == list(range(1, 26))


def test_jobs_list_prints_the_newest_first(shell):
    first, second = enqueue_tally(5), enqueue_tally(5)
    shell("run", first)
    printed = [json.loads(line) for line in shell("list").output.splitlines()]
    assert [job["id"] for job in printed] == [second, first]
    printed = [json.loads(line) for line in shell("list", "--state", "done").output.splitlines()]
    assert [job["id"] for job in printed] == [first]


def test_jobs_cancel_cancels_a_job(shell):
    job_id = enqueue_tally(5)
    reply = shell("cancel", job_id)
    assert reply.exit_code == 0
    assert json.loads(reply.output)["is_cancelled"] is True
    assert shell("run", job_id).exit_code == 1
    assert load_job(job_id).state == "cancelled"
    assert "has ended already" in shell("cancel", job_id).output


@pytest.mark.parametrize("verb", ["run", "cancel"])
def test_an_unknown_job_id_is_reported(shell, verb):
    reply = shell(verb, 987_654)
    assert reply.exit_code == 1
    assert "There is no job 987654." in reply.output


def test_the_doctor_reports_overdue_jobs(app, table):
    def problem():
        message = OverdueJobs().problem(app, db.session())
        db.session.rollback()
        return message

    waiting, running, later = enqueue_tally(5), enqueue_tally(5), enqueue_tally(5, delay=60)
    assert claim(db.session(), running, "another")
    db.session.commit()
    assert problem() is None
    update_job(waiting, run_at=now() - timedelta(minutes=6))
    message = problem()
    assert message.severity == WARNING
    assert str(message.sentence) == "1 process has been waiting for more than 5 minutes."
    update_job(running, lease_until=now() - timedelta(minutes=6))
    assert str(problem().sentence) == "2 processes have been waiting for more than 5 minutes."
    assert load_job(later).state == "queued"


def test_the_doctor_reports_an_unreachable_redis(app, session, tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setitem(app.config, "JOB_QUEUE_ENABLED", True)
    monkeypatch.setitem(app.config, "REDIS_URL", f"redis://:secret@127.0.0.1:{port}/0")
    monkeypatch.delitem(app.extensions, "jobs", raising=False)
    try:
        message = UnreachableRedis().problem(app, db.session())
        assert message.severity == DANGER
        assert "secret" not in f"{message.sentence} {message.advice}"
        del app.extensions["jobs"]
        with redis_server(tmp_path, port) as url:
            monkeypatch.setitem(app.config, "REDIS_URL", url)
            assert UnreachableRedis().problem(app, db.session()) is None
    finally:
        app.extensions.pop("jobs", None)


def test_only_jobs_that_ended_long_ago_are_deleted(table):
    old, recent, waiting = enqueue_tally(5), enqueue_tally(5), enqueue_tally(5)
    long_ago = now() - RETENTION - timedelta(days=1)
    update_job(old, state="done", finished_at=long_ago)
    update_job(recent, state="failed", finished_at=now() - RETENTION + timedelta(days=1))
    update_job(waiting, run_at=long_ago, created_at=long_ago)
    assert delete_old_jobs(db.session()) == 1
    db.session.commit()
    assert db.session.get(Job, old) is None
    assert load_job(recent).state == "failed"
    assert load_job(waiting).state == "queued"
