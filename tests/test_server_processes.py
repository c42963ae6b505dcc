"""Real server processes: what is left when they end, and what follows when one is killed."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from functools import partial
from pathlib import Path

import pytest

from app.extensions import db
from tests.databases import migrated_app
from tests.jobs.counting_job import enqueue_tally, load_job, make_table
from tests.jobs.processes import is_listening, process_settings, running, start, wait_until
from tests.ports import free_port


class Output:
    """What a process writes, read as it comes."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.lines: list[str] = []
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)

    def __str__(self) -> str:
        return "".join(self.lines)


@pytest.fixture
def sqlite_app(tmp_path):
    with migrated_app("sqlite", tmp_path) as app, app.app_context():
        make_table()
        yield app


def leave(app) -> Path:
    """Close the connections of the test itself; return the file of the database."""
    db.session.remove()
    db.engine.dispose()
    return Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))


def rows_of_a_copy(file: Path, folder: Path) -> int:
    """Count what a copy of the file alone holds."""
    copy = shutil.copyfile(file, folder / "copy.sqlite3")
    with sqlite3.connect(copy) as connection:
        count = connection.execute("SELECT count(*) FROM tally").fetchone()[0]
    connection.close()
    return count


def test_a_copy_of_the_file_after_sigterm_lacks_nothing(sqlite_app, tmp_path):
    job_id = enqueue_tally(25)
    settings = process_settings(sqlite_app, PADRON_PORT=str(free_port()))
    with running(settings, "serve", start=start) as process:
        wait_until(lambda: load_job(job_id).state == "done")
        file = leave(sqlite_app)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert rows_of_a_copy(file, tmp_path) == 25
    assert not Path(f"{file}-wal").exists()


def test_a_short_command_that_is_terminated_closes_the_file_too(sqlite_app, tmp_path):
    job_id = enqueue_tally(100_000)
    process = start(process_settings(sqlite_app), ("jobs", "run", str(job_id)))
    wait_until(lambda: load_job(job_id).cursor > 0)
    file = leave(sqlite_app)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert rows_of_a_copy(file, tmp_path) >= 10
    assert not Path(f"{file}-wal").exists()
    assert load_job(job_id).state == "queued", "given back at once"


def children_of(pid: int) -> set[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    # The child that lists the children is none of them.
    return {int(number) for number in found.stdout.split()}


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_a_killed_process_is_replaced_and_none_survives_its_parent(tmp_path):
    port = free_port()
    with migrated_app("postgres", tmp_path) as app:
        settings = process_settings(
            app, PADRON_PORT=str(port), PADRON_PROCESSES="2", PADRON_WORKERS="0"
        )
        with running(settings, "serve", start=start) as parent:
            output = Output(parent)
            wait_until(lambda: len(children_of(parent.pid)) == 2)
            first = children_of(parent.pid)
            killed = first.pop()
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: len(children_of(parent.pid) - {killed}) == 2)
            assert f"The server process {killed} ended (killed by SIGKILL)" in str(output)
            left = children_of(parent.pid)
            assert first < left
            parent.kill()
            try:
                wait_until(lambda: not any(is_running(pid) for pid in left))
                wait_until(lambda: not is_listening(port))
            finally:
                for pid in filter(is_running, left):
                    os.kill(pid, signal.SIGKILL)


def test_all_processes_end_together(tmp_path):
    # Whoever is not asked to end would be killed after a while: here, after the test.
    patient = partial(start, before="import app.supervisor; app.supervisor.STOP_SECONDS = 600")
    with migrated_app("postgres", tmp_path) as app:
        settings = process_settings(app, PADRON_PORT=str(free_port()), PADRON_PROCESSES="2")
        with running(settings, "serve", start=patient) as parent:
            wait_until(lambda: len(children_of(parent.pid)) == 3)
            children = children_of(parent.pid)
            parent.send_signal(signal.SIGTERM)
            assert parent.wait(60) == 0
            assert not any(is_running(pid) for pid in children)


def worker_of(job_id: int) -> int | None:
    """Return the process that runs a job now."""
    owner = load_job(job_id).owner
    return int(owner.rsplit(":", 3)[1]) if owner else None


def test_one_process_more_runs_the_jobs_and_is_replaced_when_killed(tmp_path):
    with migrated_app("postgres", tmp_path) as app, app.app_context():
        make_table()
        app.config["JOB_QUEUE_ENABLED"] = True
        settings = process_settings(app, PADRON_PORT=str(free_port()), PADRON_PROCESSES="2")
        with running(settings, "serve", start=start) as parent:
            output = Output(parent)
            jobs = [enqueue_tally(100_000) for _each in range(2)]
            wait_until(lambda: all(map(worker_of, jobs)))
            (killed,) = set(map(worker_of, jobs))
            servers = children_of(parent.pid) - {killed}
            assert len(servers) == 2
            os.kill(killed, signal.SIGKILL)
            later = enqueue_tally(100_000)
            wait_until(lambda: worker_of(later))
            assert f"The worker process {killed} ended (killed by SIGKILL)" in str(output)
            assert worker_of(later) in children_of(parent.pid) - servers
            parent.send_signal(signal.SIGTERM)
            assert parent.wait(60) == 0
        assert load_job(later).state == "queued", "given back at once"
        app.extensions["jobs"][1].huey.storage.close()
