"""Jobs are done by real processes: by a worker, by the server itself; killed, they lose nothing."""

from __future__ import annotations

import random
import signal
import time
from datetime import timedelta

import pytest

from app.extensions import db
from app.jobs.models import Job
from app.types import now
from tests.databases import migrated_app
from tests.jobs.processes import a_redis, running, settings_of, wait_until
from tests.jobs.counting_job import a_tally, change, make_table, numbers, the_job
from tests.ports import free_port

# The operations are killed more often (tests/operations/test_killed.py).
KILLS = 3


def is_done(job_id: int) -> bool:
    return the_job(job_id).state == "done"


def test_a_worker_does_what_was_asked_before_and_after_it_began(own_app):
    """Without Redis: kicks lie in a file, and the sweeper finds what has none."""
    before = a_tally(25)
    change(before, run_at=now() - timedelta(seconds=5))
    own_app.config["CARRIES_JOBS"] = True
    with running(settings_of(own_app), "worker"):
        after = a_tally(25)
        wait_until(lambda: is_done(before) and is_done(after))
    own_app.extensions["jobs"][1].huey.storage.close()
    assert numbers(before) == numbers(after) == list(range(1, 26))


def test_redis_and_a_worker_do_jobs_that_the_server_does_not(tmp_path):
    port, web = free_port(), free_port()
    with (
        migrated_app("postgres", tmp_path) as app,
        app.app_context(),
        a_redis(tmp_path, port) as url,
    ):
        make_table()
        settings = settings_of(app, PADRON_REDIS_URL=url, PADRON_PORT=str(web))
        app.config.update(CARRIES_JOBS=True, REDIS_URL=url)
        with running(settings, "serve"):
            job_id = a_tally(25)
            carrier = app.extensions["jobs"][1]
            assert carrier.waiting() == 1, "it waits for a worker, not for the server"
            with running(settings, "worker"):
                wait_until(lambda: is_done(job_id))
            wait_until(lambda: carrier.waiting() == 0)
        carrier.huey.storage.close()
        assert numbers(job_id) == list(range(1, 26))


def test_what_was_asked_while_redis_was_away_is_done_when_it_is_back(tmp_path):
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    with migrated_app("sqlite", tmp_path) as app, app.app_context():
        make_table()
        app.config.update(CARRIES_JOBS=True, REDIS_URL=url)
        with running(settings_of(app, PADRON_REDIS_URL=url), "worker"):
            job_id = a_tally(25)
            assert the_job(job_id).state == "queued"
            with a_redis(tmp_path, port):
                wait_until(lambda: is_done(job_id))
        app.extensions["jobs"][1].huey.storage.close()
        assert numbers(job_id) == list(range(1, 26))


def test_the_server_does_jobs_by_itself(own_app):
    job_id = a_tally(25)
    change(job_id, run_at=now() - timedelta(seconds=5))
    with running(settings_of(own_app, PADRON_PORT=str(free_port())), "serve"):
        wait_until(lambda: is_done(job_id))
    assert numbers(job_id) == list(range(1, 26))


def test_a_server_of_several_processes_does_jobs_in_each(tmp_path):
    with migrated_app("postgres", tmp_path) as app, app.app_context():
        make_table()
        asked = [a_tally(25) for _each in range(10)]
        for job_id in asked:
            change(job_id, run_at=now() - timedelta(seconds=5))
        settings = settings_of(app, PADRON_PORT=str(free_port()), PADRON_PROCESSES="2")
        with running(settings, "serve") as process:
            wait_until(lambda: all(is_done(job_id) for job_id in asked))
            process.terminate()
            assert process.wait(60) == 0
        assert all(numbers(job_id) == list(range(1, 26)) for job_id in asked)


@pytest.mark.parametrize("args", [("worker",), ("serve",)], ids=["worker", "serve"])
def test_a_process_that_is_asked_to_end_gives_its_job_back(own_app, args):
    job_id = a_tally(100_000)
    change(job_id, run_at=now() - timedelta(seconds=5))
    settings = settings_of(own_app, PADRON_PORT=str(free_port()))
    with running(settings, *args) as process:
        wait_until(lambda: the_job(job_id).cursor > 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, process.stdout.read()
    job = the_job(job_id)
    assert (job.state, job.owner, job.attempts) == ("queued", None, 0)
    assert 0 < job.cursor < 100_000
    assert numbers(job_id) == list(range(1, job.cursor + 1))


def test_a_worker_killed_again_and_again_loses_nothing_and_does_nothing_twice(own_app):
    upto = 3_000
    job_id = a_tally(upto)
    # 300 naps: however late the signal comes, there is work left.
    change(job_id, payload={"upto": upto, "nap": 0.05})
    chance = random.Random(20261122)
    cursors = [0]

    def look() -> Job:
        job = the_job(job_id)
        cursors.append(job.cursor)
        return job

    for _kill in range(KILLS):
        # As long after the last sign of life as it takes to be taken for dead.
        change(job_id, run_at=now() - timedelta(minutes=1), lease_until=now() - timedelta(1))
        had = look().cursor
        with running(settings_of(own_app), "worker") as process:
            wait_until(lambda had=had: look().cursor > had)
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            process.wait()
        job = look()
        assert job.state == "running", "nobody could say that it ended"
        assert numbers(job_id) == list(range(1, job.cursor + 1))
    change(job_id, lease_until=now() - timedelta(1), payload={"upto": upto})
    with running(settings_of(own_app), "worker"):
        wait_until(lambda: look().state == "done")
    assert numbers(job_id) == list(range(1, upto + 1)), "each once"
    assert the_job(job_id).done == upto
    assert cursors == sorted(cursors), "the cursor never went back"
    db.session.rollback()
