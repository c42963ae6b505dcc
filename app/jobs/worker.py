"""A process that runs jobs, and nothing else: the command ``worker``, or a child of ``serve``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

from flask import Flask

from app.closing import close_database
from app.jobs.periodic import DeleteOldJobs, RequeueStalledJobs
from app.jobs.queue import worker_pool
from app.periodic import PeriodicTaskRunner


def run_worker(app: Flask, threads: int, started: Callable[[], None] = lambda: None) -> None:
    """Run this many jobs at a time until SIGTERM or SIGINT; call ``started`` once it does."""
    stop_requested = threading.Event()
    # Other periodic tasks are left to the server: mails would be sent with the settings of this host.
    periodic_tasks = PeriodicTaskRunner(app, (RequeueStalledJobs, DeleteOldJobs))
    with worker_pool(app, threads) as workers:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _signal, _frame: stop_requested.set())
        periodic_tasks.start()
        started()
        stop_requested.wait()
        if workers is not None:
            workers.request_stop()
        periodic_tasks.stop()
    close_database(app)
