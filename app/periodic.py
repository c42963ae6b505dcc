"""Periodic tasks: what the server runs by itself at intervals, in threads of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from time import monotonic
from typing import ClassVar

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from app.cli import command
from app.logs import is_outage, log_error, outages
from app.registry import Plug

logger = logging.getLogger(__name__)


class PeriodicTask(Plug):
    """A task run at intervals, as the system actor; a room puts its own in ``periodic.py``.

    ``run`` gets an application context of its own, commits its changes, and may run in several
    processes at once. ``flask --app run run-periodic`` runs each task once, for cron.
    """

    # From the end of one run to the start of the next.
    interval_seconds: ClassVar[int]
    # The other tasks of a process share one thread. A task that waits for something outside this
    # program, such as a mail server, takes its own, so that the others are not held up.
    has_own_thread: ClassVar[bool] = False

    def run(self, app: Flask) -> None:
        """Run the task once."""
        raise NotImplementedError

    @classmethod
    def run_soon(cls) -> None:
        """Have its thread in this process run the task at once; without one do nothing."""
        with _condition:
            _requested.add(cls)
            _condition.notify_all()


_condition = threading.Condition()
_requested: set[type[PeriodicTask]] = set()
_stopping = threading.Event()


def is_stopping() -> bool:
    """Return True if the process is about to end; long tasks check this between their steps."""
    return _stopping.is_set()


def run_once(app: Flask, task: type[PeriodicTask]) -> bool:
    """Run one task; log any error instead of raising it. Return True if it succeeded."""
    try:
        # The end of the context closes the session, which raises if the connection was lost.
        with app.app_context():
            task().run(app)
    except Exception as error:
        if is_outage(error):
            outages.add(logger, error)
        else:
            log_error(logger, error, "the periodic task %s failed", task.__name__)
        return False
    return True


class PeriodicTaskThread(threading.Thread):
    """A thread that runs some periodic tasks in turn."""

    def __init__(self, app: Flask, tasks: Iterable[type[PeriodicTask]]) -> None:
        self.app = app
        self.tasks = tuple(tasks)
        super().__init__(
            name=f"periodic-{'-'.join(task.__name__ for task in self.tasks)}", daemon=True
        )

    def run(self) -> None:
        """Run every task when it is due or requested, until the process stops."""
        due = {task: monotonic() for task in self.tasks}
        while not _stopping.is_set():
            with _condition:
                if not _requested & due.keys() and not _stopping.is_set():
                    _condition.wait(max(0.0, min(due.values()) - monotonic()))
                for task in _requested & due.keys():
                    due[task] = monotonic()
                    _requested.discard(task)
            for task in [task for task, moment in due.items() if moment <= monotonic()]:
                if _stopping.is_set():
                    return
                run_once(self.app, task)
                due[task] = monotonic() + task.interval_seconds


class PeriodicTaskRunner:
    """The threads that run the periodic tasks of a process: all of them, or those given."""

    def __init__(self, app: Flask, tasks: Iterable[type[PeriodicTask]] | None = None) -> None:
        chosen = PeriodicTask.all() if tasks is None else tuple(tasks)
        shared = [task for task in chosen if not task.has_own_thread]
        groups = [[task] for task in chosen if task.has_own_thread]
        self.threads = [
            PeriodicTaskThread(app, group) for group in ([shared, *groups] if shared else groups)
        ]

    def start(self) -> None:
        """Start the threads; every task is due at once."""
        _stopping.clear()
        for thread in self.threads:
            thread.start()

    def request_stop(self) -> None:
        """Start no other task; return at once. Signal handlers may call this: it takes no lock."""
        _stopping.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Start no other task, and wait for those that run, ``timeout`` seconds in all."""
        _stopping.set()
        with _condition:
            _condition.notify_all()
        deadline = monotonic() + timeout
        for thread in self.threads:
            thread.join(max(0.0, deadline - monotonic()))
        running = [thread.name for thread in self.threads if thread.is_alive()]
        if running:
            logger.warning("Still running at the end: %s.", ", ".join(running))
        else:
            _stopping.clear()


@command
@click.command("run-periodic")
@with_appcontext
def run_periodic() -> None:
    """Run every periodic task once: for cron, where another server than “serve” is used."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    failed = [task.__name__ for task in PeriodicTask.all() if not run_once(app, task)]
    for name in failed:
        click.echo(f"{name} failed; the log says why.", err=True)
    if failed:
        raise SystemExit(1)
