"""The carrier: Huey takes the kick “look at job 12” to a worker; the job itself is a row.

A kick that is lost, comes twice or comes late does no harm: the sweeper (``chores.py``) finds
every job nobody is at. Nothing but the job's number travels, as JSON: whoever can write into the
queue can have a job looked at, and nothing else.
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

logger = logging.getLogger(__name__)

# Seconds a queue that could not be reached is not tried again: a request waits for it at most
# once in a while, not each time.
SILENCE = 10.0
# Seconds after which a job makes room for others that wait: a large one keeps no small one
# waiting until its end.
SLICE = 15.0
# Seconds between two looks into the queue of the file, at first and at most.
LOOKS = (0.05, 0.3)
# Redis says by itself when something comes; only while it does not answer it is looked for.
OUTAGE_LOOKS = (1.0, 5.0)
TASK = "look_at"


class Kicks(Serializer):
    """What travels: the number of a job."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps({"job": data.args[0]}).encode()

    def _deserialize(self, data: Any) -> Message:
        found = json.loads(bytes(data))
        job_id = found.get("job") if isinstance(found, dict) else None
        if type(job_id) is not int:
            raise ValueError("There is no number of a job in what came through the queue.")
        return Message(
            id=str(uuid.uuid4()), name=f"{__name__}.{TASK}", retries=0, args=(job_id,), kwargs={}
        )


class Carrier:
    """The queue of one process, and what is done with what comes out of it."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.huey = _queue(app)
        self._task = self.huey.task(name=TASK)(self._look_at)
        self._silent_until = 0.0

    def kick(self, job_ids: Iterable[int]) -> None:
        """Have jobs looked at. Never fails: what cannot be delivered is found by the sweeper."""
        for job_id in dict.fromkeys(job_ids):
            if monotonic() < self._silent_until:
                return
            try:
                self._task(job_id)
            except Exception as error:
                self._silent_until = monotonic() + SILENCE
                # The address is not told: there may be a password in it.
                logger.error("The queue of jobs takes nothing: %s", type(error).__name__)

    def waiting(self) -> int:
        """Return how many kicks wait for a worker; fails if the queue cannot be asked."""
        return self.huey.pending_count()

    def has_more(self) -> bool:
        """Say whether kicks wait; a queue that cannot be asked has none to offer."""
        try:
            return self.waiting() > 0
        except Exception:
            return False

    def _look_at(self, job_id: int) -> None:
        with self.app.app_context():
            if runner.is_stopping():
                # It came to us a moment too late.
                self.kick([job_id])
                return
            began = monotonic()
            runner.run_job(
                job_id,
                is_enough=lambda: monotonic() - began > SLICE and self.has_more(),
            )


def _queue(app: Flask) -> Huey:
    if app.config["REDIS_URL"] is None:
        path = Path(app.config["DATA_DIR"]) / "jobs.sqlite3"
        return SqliteHuey(
            "padron", filename=str(path), results=False, serializer=Kicks(), cache_mb=0
        )
    pool = ConnectionPool.from_url(
        app.config["REDIS_URL"],
        socket_connect_timeout=1,
        socket_timeout=5,
        # A server that was started anew leaves us connections that are closed.
        retry=Retry(NoBackoff(), 1),
    )
    return RedisHuey(
        f"padron{_mark(app)}", results=False, serializer=Kicks(), connection_pool=pool
    )


def _mark(app: Flask) -> str:
    """Return what tells this installation's queue from others on the same Redis.

    The same on every host that has the same database and secret key.
    """
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    database = f"{url.host}:{url.port}/{url.database}"
    key = str(app.config["SECRET_KEY"]).encode()
    return hmac.new(key, f"jobs {database}".encode(), hashlib.sha256).hexdigest()[:16]


def carrier_of(app: Flask) -> Carrier | None:
    """Return the carrier of this process, or None where kicks go nowhere (in the tests)."""
    if not app.config["CARRIES_JOBS"]:
        return None
    # After a fork the child opens files and lines of its own.
    pid, carrier = app.extensions.get("jobs", (None, None))
    if pid != os.getpid():
        carrier = Carrier(app)
        app.extensions["jobs"] = os.getpid(), carrier
    return carrier


def kick(job_ids: Iterable[int]) -> None:
    """Have jobs of the current application looked at by a worker, wherever one is."""
    if not has_app_context():
        return
    try:
        carrier = carrier_of(current_app._get_current_object())  # type: ignore[attr-defined]
    except Exception as error:
        logger.error("The queue of jobs cannot be opened: %s", type(error).__name__)
        return
    if carrier is not None:
        carrier.kick(job_ids)


class _Idle(Scheduler):
    """Huey's scheduler, which has nothing to do: jobs know themselves when they are due."""

    def loop(self, now=None) -> None:
        self.stop_flag.wait(60)


class Workers(Consumer):
    """The threads of this process that take up jobs."""

    scheduler_class = _Idle

    def _set_signal_handlers(self) -> None:
        """Leave signals to the program these threads are part of."""

    def ask_to_stop(self) -> None:
        """Let every job be given back after the chunk it is at; return at once."""
        runner.stop_all()
        self.stop_flag.set()

    def end(self, seconds: float) -> None:
        """Stop, and wait so many seconds at most; what is not finished then is taken over."""
        self.ask_to_stop()
        until = monotonic() + seconds
        threads = [thread for _worker, thread in self.worker_threads]
        for thread in [*threads, self.scheduler]:
            thread.join(max(0.0, until - monotonic()))
        if any(thread.is_alive() for thread in threads):
            logger.warning("A job was left in the middle of a chunk; a worker begins that again.")
        else:
            runner.go_on_again()


@contextmanager
def working(app: Flask, threads: int, seconds: float = 5.0):
    """Let so many threads of this process take up jobs inside the block."""
    carrier = carrier_of(app)
    if carrier is None or not threads:
        yield None
        return
    first, longest = OUTAGE_LOOKS if app.config["REDIS_URL"] else LOOKS
    workers = Workers(
        carrier.huey,
        workers=threads,
        periodic=False,
        initial_delay=first,
        max_delay=longest,
    )
    workers.start()
    try:
        yield workers
    finally:
        workers.end(seconds)
