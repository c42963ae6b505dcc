"""Real processes run jobs, a worker or the server; killed, they lose nothing."""

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
from tests.jobs.counting_job import (
    enqueue_tally,
    load_job,
    make_table,
    update_job,
    written_numbers,
)
from tests.jobs.processes import process_settings, redis_server, running, wait_until
from tests.ports import free_port
from tests.sampling import IS_FULL

pytestmark = [pytest.mark.both_databases, pytest.mark.long]

# tests/operations/test_killed.py kills more often.
KILLS = 3 if IS_FULL else 2


def is_done(job_id: int) -> bool:
    return load_job(job_id).state == "done"


def test_a_worker_runs_jobs_enqueued_before_and_after_its_start(own_app):
    """Without Redis, messages are in a file, and jobs without a message are requeued."""
    before = enqueue_tally(25)
    update_job(before, run_at=now() - timedelta(seconds=5))
    own_app.config["JOB_QUEUE_ENABLED"] = True
    with running(process_settings(own_app), "worker"):
        after = enqueue_tally(25)
        wait_until(lambda: is_done(before) and is_done(after))
    own_app.extensions["jobs"][1].huey.storage.close()
    assert written_numbers(before) == written_numbers(after) == list(range(1, 26))


def test_with_redis_a_worker_runs_jobs_and_the_server_does_not(tmp_path):
    port, web = free_port(), free_port()
    with (
        migrated_app("postgres", tmp_path) as app,
        app.app_context(),
        redis_server(tmp_path, port) as url,
    ):
        make_table()
        settings = process_settings(app, PADRON_REDIS_URL=url, PADRON_PORT=str(web))
        app.config.update(JOB_QUEUE_ENABLED=True, REDIS_URL=url)
        with running(settings, "serve"):
            job_id = enqueue_tally(25)
            queue = app.extensions["jobs"][1]
            assert queue.count_pending() == 1, "it waits for a worker, not for the server"
            with running(settings, "worker"):
                wait_until(lambda: is_done(job_id))
            wait_until(lambda: queue.count_pending() == 0)
        queue.huey.storage.close()
        assert written_numbers(job_id) == list(range(1, 26))


def test_jobs_enqueued_while_redis_is_down_run_when_it_is_back(tmp_path):
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    with migrated_app("sqlite", tmp_path) as app, app.app_context():
        make_table()
        app.config.update(JOB_QUEUE_ENABLED=True, REDIS_URL=url)
        with running(process_settings(app, PADRON_REDIS_URL=url), "worker"):
            job_id = enqueue_tally(25)
            assert load_job(job_id).state == "queued"
            with redis_server(tmp_path, port):
                wait_until(lambda: is_done(job_id))
        app.extensions["jobs"][1].huey.storage.close()
        assert written_numbers(job_id) == list(range(1, 26))


def test_the_server_runs_jobs_without_redis(own_app):
    job_id = enqueue_tally(25)
    update_job(job_id, run_at=now() - timedelta(seconds=5))
    with running(process_settings(own_app, PADRON_PORT=str(free_port())), "serve"):
        wait_until(lambda: is_done(job_id))
    assert written_numbers(job_id) == list(range(1, 26))


def test_a_server_with_several_processes_runs_jobs(tmp_path):
    with migrated_app("postgres", tmp_path) as app, app.app_context():
        make_table()
        asked = [enqueue_tally(25) for _each in range(10)]
        for job_id in asked:
            update_job(job_id, run_at=now() - timedelta(seconds=5))
        settings = process_settings(app, PADRON_PORT=str(free_port()), PADRON_PROCESSES="2")
        with running(settings, "serve") as process:
            wait_until(lambda: all(is_done(job_id) for job_id in asked))
            process.terminate()
            assert process.wait(60) == 0
        assert all(written_numbers(job_id) == list(range(1, 26)) for job_id in asked)


@pytest.mark.parametrize("args", [("worker",), ("serve",)], ids=["worker", "serve"])
def test_a_process_that_gets_sigterm_releases_its_job(own_app, args):
    job_id = enqueue_tally(100_000)
    update_job(job_id, run_at=now() - timedelta(seconds=5))
    settings = process_settings(own_app, PADRON_PORT=str(free_port()))
    with running(settings, *args) as process:
        wait_until(lambda: load_job(job_id).cursor > 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, process.stdout.read()
    job = load_job(job_id)
    assert (job.state, job.owner, job.attempts) == ("queued", None, 0)
    assert 0 < job.cursor < 100_000
    assert written_numbers(job_id) == list(range(1, job.cursor + 1))


def test_a_worker_killed_repeatedly_loses_and_repeats_no_row(own_app):
    upto = 3_000
    job_id = enqueue_tally(upto)
    # 300 sleeps: however late the signal comes, there is work left.
    update_job(job_id, payload={"upto": upto, "nap": 0.05})
    chance = random.Random(20261122)
    cursors = [0]

    def look() -> Job:
        job = load_job(job_id)
        cursors.append(job.cursor)
        return job

    for _kill in range(KILLS):
        # Let the lease expire.
        update_job(job_id, run_at=now() - timedelta(minutes=1), lease_until=now() - timedelta(1))
        had = look().cursor
        with running(process_settings(own_app), "worker") as process:
            wait_until(lambda had=had: look().cursor > had)
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            process.wait()
        job = look()
        assert job.state == "running", "a killed worker cannot update the state"
        assert written_numbers(job_id) == list(range(1, job.cursor + 1))
    update_job(job_id, lease_until=now() - timedelta(1), payload={"upto": upto})
    with running(process_settings(own_app), "worker"):
        wait_until(lambda: look().state == "done")
    assert written_numbers(job_id) == list(range(1, upto + 1)), "each once"
    assert load_job(job_id).done == upto
    assert cursors == sorted(cursors), "the cursor never went back"
    db.session.rollback()
