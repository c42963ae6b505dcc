"""The shell sees jobs, runs them and calls them off; the doctor sees those nobody does."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from app.checks import DANGER, WARNING
from app.extensions import db
from app.jobs.checks import JobsWait, RedisIsSilent
from app.jobs.leases import claim
from app.jobs.models import Job
from app.jobs.recovery import KEPT, forget_old
from app.types import now
from tests.jobs.processes import a_redis
from tests.jobs.counting_job import Tally, a_tally, change, numbers, the_job
from tests.ports import free_port


@pytest.fixture
def shell(app, table):
    def run(*args: object):
        return app.test_cli_runner().invoke(args=["jobs", *map(str, args)])

    return run


def test_a_job_is_run_from_the_shell(shell):
    job_id = a_tally(25, title="Counting", delay=600)
    reply = shell("run", job_id)
    assert reply.exit_code == 0, reply.output
    told = json.loads(reply.output)
    assert (told["id"], told["state"], told["done"], told["total"]) == (job_id, "done", 25, 25)
    assert "payload" not in told
    assert numbers(job_id) == list(range(1, 26))


def test_the_shell_is_told_that_a_job_failed(shell):
    job_id = a_tally(25)
    change(job_id, channel="web")
    reply = shell("run", job_id)
    assert reply.exit_code == 1
    assert json.loads(reply.output)["error"].startswith("Whoever asked for this")


def test_the_shell_tries_again_as_a_worker_would(shell, monkeypatch):
    job_id = a_tally(25)
    went_wrong = []

    def once(session, job):
        if not went_wrong:
            went_wrong.append(1)
            raise RuntimeError("on purpose")

    monkeypatch.setattr(Tally, "after", once)
    monkeypatch.setattr("app.jobs.leases.BACK_OFF", (timedelta(0),) * 4)
    reply = shell("run", job_id)
    assert reply.exit_code == 0, reply.output
    assert numbers(job_id) == list(range(1, 26))


def test_jobs_are_listed_newest_first(shell):
    first, second = a_tally(5), a_tally(5)
    shell("run", first)
    told = [json.loads(line) for line in shell("list").output.splitlines()]
    assert [job["id"] for job in told] == [second, first]
    told = [json.loads(line) for line in shell("list", "--state", "done").output.splitlines()]
    assert [job["id"] for job in told] == [first]


def test_a_job_is_called_off_from_the_shell(shell):
    job_id = a_tally(5)
    reply = shell("cancel", job_id)
    assert reply.exit_code == 0
    assert json.loads(reply.output)["is_cancelled"] is True
    assert shell("run", job_id).exit_code == 1
    assert the_job(job_id).state == "cancelled"
    assert "has ended already" in shell("cancel", job_id).output


@pytest.mark.parametrize("verb", ["run", "cancel"])
def test_a_job_there_is_none_of_is_no_mishap(shell, verb):
    reply = shell(verb, 987_654)
    assert reply.exit_code == 1
    assert "There is no job 987654." in reply.output


def test_the_doctor_sees_jobs_that_nobody_takes_up(app, table):
    def problem():
        found = JobsWait().problem(app, db.session())
        db.session.rollback()
        return found

    waiting, running, later = a_tally(5), a_tally(5), a_tally(5, delay=60)
    assert claim(db.session(), running, "somebody")
    db.session.commit()
    assert problem() is None
    change(waiting, run_at=now() - timedelta(minutes=6))
    finding = problem()
    assert finding.severity == WARNING
    assert str(finding.sentence) == "1 job has waited for more than 5 minutes."
    change(running, lease_until=now() - timedelta(minutes=6))
    assert str(problem().sentence) == "2 jobs have waited for more than 5 minutes."
    assert the_job(later).state == "queued"


def test_the_doctor_sees_a_redis_that_is_silent(app, session, tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setitem(app.config, "CARRIES_JOBS", True)
    monkeypatch.setitem(app.config, "REDIS_URL", f"redis://:secret@127.0.0.1:{port}/0")
    monkeypatch.delitem(app.extensions, "jobs", raising=False)
    try:
        finding = RedisIsSilent().problem(app, db.session())
        assert finding.severity == DANGER
        assert "secret" not in f"{finding.sentence} {finding.advice}"
        del app.extensions["jobs"]
        with a_redis(tmp_path, port) as url:
            monkeypatch.setitem(app.config, "REDIS_URL", url)
            assert RedisIsSilent().problem(app, db.session()) is None
    finally:
        app.extensions.pop("jobs", None)


def test_jobs_that_ended_long_ago_are_forgotten_and_no_others(table):
    old, recent, waiting = a_tally(5), a_tally(5), a_tally(5)
    long_ago = now() - KEPT - timedelta(days=1)
    change(old, state="done", finished_at=long_ago)
    change(recent, state="failed", finished_at=now() - KEPT + timedelta(days=1))
    change(waiting, run_at=long_ago, created_at=long_ago)
    assert forget_old(db.session()) == 1
    db.session.commit()
    assert db.session.get(Job, old) is None
    assert the_job(recent).state == "failed"
    assert the_job(waiting).state == "queued"
