"""The queue that notifies workers of jobs, on Huey; the state of a job is its row in the database.

A message that is lost, late or duplicated does no harm: a periodic task (``periodic.py``) requeues
stalled jobs. A message holds only the id of a job, as JSON: write access to the queue allows
having a job checked and run if it is due, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import uuid
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from flask import Flask, current_app, has_app_context
from huey import Huey, RedisHuey, SqliteHuey
from huey.consumer import Consumer, Scheduler
from huey.registry import Message
from huey.serializer import Serializer
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import make_url

from app.jobs import runner
from app.jobs.queue_file import set_aside_if_damaged

logger = logging.getLogger(__name__)

# How long a queue that could not be reached is not tried again, so that not every request waits.
UNREACHABLE_SECONDS = 10.0
# A job that has run this long is requeued if others wait, so that a large one does not block small
# ones.
TIME_SLICE_SECONDS = 15.0
# Interval between two polls of the SQLite queue: at first, and at most.
POLL_SECONDS = (0.05, 0.3)
# Redis pushes messages; it is only polled, at this interval, while it does not answer.
OUTAGE_POLL_SECONDS = (1.0, 5.0)
TASK_NAME = "run_job"


class JobIdSerializer(Serializer):
    """Serialize a Huey message to JSON with nothing but the id of a job."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps({"job": data.args[0]}).encode()

    def _deserialize(self, data: Any) -> Message:
        content = json.loads(bytes(data))
        job_id = content.get("job") if isinstance(content, dict) else None
        if type(job_id) is not int:
            raise ValueError("The message from the queue holds no job id.")
        return Message(
            id=str(uuid.uuid4()),
            name=f"{__name__}.{TASK_NAME}",
            retries=0,
            args=(job_id,),
            kwargs={},
        )


class JobQueue:
    """The connection of one process to the queue: send notifications and run the jobs they name."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.huey = _make_huey(app)
        self._task = self.huey.task(name=TASK_NAME)(self._run_job)
        self._unreachable_until = 0.0

    def notify_workers(self, job_ids: Iterable[int]) -> None:
        """Send the ids of jobs to workers. Never raises: jobs whose message is lost are requeued."""
        for job_id in dict.fromkeys(job_ids):
            if monotonic() < self._unreachable_until:
                return
            try:
                self._task(job_id)
            except Exception as error:
                self._unreachable_until = monotonic() + UNREACHABLE_SECONDS
                # Do not log the message: the URL in it may hold a password.
                logger.error("The job queue cannot be reached: %s", type(error).__name__)

    def count_pending(self) -> int:
        """Count the messages that wait for a worker; raises if the queue cannot be reached."""
        return self.huey.pending_count()

    def has_pending(self) -> bool:
        """Return True if messages wait; False if the queue cannot be reached."""
        try:
            return self.count_pending() > 0
        except Exception:
            return False

    def _run_job(self, job_id: int) -> None:
        with self.app.app_context():
            if runner.is_stopping():
                # This process is stopping: leave the job to another worker.
                self.notify_workers([job_id])
                return
            began_at = monotonic()
            runner.run_job(
                job_id,
                should_yield=lambda: (
                    monotonic() - began_at > TIME_SLICE_SECONDS and self.has_pending()
                ),
            )


def _make_huey(app: Flask) -> Huey:
    if app.config["REDIS_URL"] is None:
        path = Path(app.config["DATA_DIR"]) / "jobs.sqlite3"
        set_aside_if_damaged(path)
        return SqliteHuey(
            "padron", filename=str(path), results=False, serializer=JobIdSerializer(), cache_mb=0
        )
    pool = ConnectionPool.from_url(
        app.config["REDIS_URL"],
        socket_connect_timeout=1,
        socket_timeout=5,
        # Retry once: after a restart of the server the pooled connections are closed.
        retry=Retry(NoBackoff(), 1),
    )
    return RedisHuey(
        f"padron{_installation_key(app)}",
        results=False,
        serializer=JobIdSerializer(),
        connection_pool=pool,
    )


def _installation_key(app: Flask) -> str:
    """Return a key that separates this installation from others on the same Redis.

    It is the same on every host that has the same database and secret key.
    """
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    database = f"{url.host}:{url.port}/{url.database}"
    key = str(app.config["SECRET_KEY"]).encode()
    return hmac.new(key, f"jobs {database}".encode(), hashlib.sha256).hexdigest()[:16]


def get_job_queue(app: Flask) -> JobQueue | None:
    """Return the queue of this process, or None where it is disabled (in tests)."""
    if not app.config["JOB_QUEUE_ENABLED"]:
        return None
    # After a fork the child opens files and connections of its own.
    pid, queue = app.extensions.get("jobs", (None, None))
    if pid != os.getpid():
        queue = JobQueue(app)
        app.extensions["jobs"] = os.getpid(), queue
    return queue


def notify_workers(job_ids: Iterable[int]) -> None:
    """Send the ids of jobs of the current application to its workers, on any host."""
    if not has_app_context():
        return
    try:
        queue = get_job_queue(current_app._get_current_object())  # type: ignore[attr-defined]
    except Exception as error:
        logger.error("The job queue cannot be opened: %s", type(error).__name__)
        return
    if queue is not None:
        queue.notify_workers(job_ids)


class _IdleScheduler(Scheduler):
    """Replace Huey's scheduler by one that only waits: ``job.run_at`` says when a job is due."""

    def loop(self, now=None) -> None:
        self.stop_flag.wait(60)


class WorkerPool(Consumer):
    """The threads of this process that run jobs."""

    scheduler_class = _IdleScheduler

    def _set_signal_handlers(self) -> None:
        """Install no handlers: the process that runs these threads handles signals."""

    def request_stop(self) -> None:
        """Let every job be released after its current chunk; return without waiting."""
        runner.stop_all()
        self.stop_flag.set()

    def shut_down(self, timeout: float) -> None:
        """Stop, and wait at most ``timeout`` seconds; another worker takes over what is unfinished."""
        self.request_stop()
        deadline = monotonic() + timeout
        threads = [thread for _worker, thread in self.worker_threads]
        for thread in [*threads, self.scheduler]:
            thread.join(max(0.0, deadline - monotonic()))
        if any(thread.is_alive() for thread in threads):
            logger.warning(
                "A job was left in the middle of a chunk; a worker runs that chunk again."
            )
        else:
            runner.resume_all()


@contextmanager
def worker_pool(app: Flask, threads: int, shutdown_seconds: float = 5.0):
    """Run jobs in this many threads of this process inside the block."""
    queue = get_job_queue(app)
    if queue is None or not threads:
        yield None
        return
    initial_delay, max_delay = OUTAGE_POLL_SECONDS if app.config["REDIS_URL"] else POLL_SECONDS
    workers = WorkerPool(
        queue.huey,
        workers=threads,
        periodic=False,
        initial_delay=initial_delay,
        max_delay=max_delay,
    )
    workers.start()
    try:
        yield workers
    finally:
        workers.shut_down(shutdown_seconds)
