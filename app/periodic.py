"""Chores: what the program does by itself, again and again, while it is served."""

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
from app.registry import Plug

logger = logging.getLogger(__name__)


class Chore(Plug):
    """Something done every so often, in the name of the house; a room puts it in ``chores.py``.

    ``run`` gets an application context of its own, commits what it does, and may be running in
    several processes at once. Where nothing is served, ``flask --app run chores`` runs each once.
    """

    # Seconds from the end of one run to the beginning of the next.
    every: ClassVar[int]

    def run(self, app: Flask) -> None:
        """Do it once."""
        raise NotImplementedError

    @classmethod
    def wake(cls) -> None:
        """Let it be done at once in this process; without a thread of chores nothing happens."""
        with _turn:
            _woken.add(cls)
            _turn.notify_all()


_turn = threading.Condition()
_woken: set[type[Chore]] = set()
_stopping = threading.Event()


def is_stopping() -> bool:
    """Say whether the program is about to end: a long chore looks here between its steps."""
    return _stopping.is_set()


def run_once(app: Flask, chore: type[Chore]) -> bool:
    """Do one chore; whatever goes wrong is logged, so that the next one still gets its turn."""
    try:
        # What is left open is closed within: a connection that was lost says so only then.
        with app.app_context():
            chore().run(app)
    except Exception:
        logger.exception("The chore %s failed.", chore.__name__)
        return False
    return True


class ChoreThread(threading.Thread):
    """The thread of a process that does the chores, all or those named, one after another."""

    def __init__(self, app: Flask, chores: Iterable[type[Chore]] | None = None) -> None:
        super().__init__(name="chores", daemon=True)
        self.app = app
        self.chores = Chore.all() if chores is None else tuple(chores)

    def run(self) -> None:
        """Do every chore when it is due or woken, until told to stop."""
        due = {chore: monotonic() for chore in self.chores}
        while not _stopping.is_set():
            with _turn:
                if not _woken and due:
                    _turn.wait(max(0.0, min(due.values()) - monotonic()))
                elif not due:
                    _turn.wait()
                for chore in _woken & set(due):
                    due[chore] = monotonic()
                _woken.clear()
            for chore in [chore for chore, moment in due.items() if moment <= monotonic()]:
                if _stopping.is_set():
                    return
                run_once(self.app, chore)
                due[chore] = monotonic() + chore.every

    def stop(self, seconds: float = 5.0) -> None:
        """Let the chore that runs come to a good end, and begin no other."""
        _stopping.set()
        with _turn:
            _turn.notify_all()
        self.join(seconds)
        _stopping.clear()


@command
@click.command("chores")
@with_appcontext
def run_chores() -> None:
    """Do every chore once: for cron, where the program is served in another way than “serve”."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    failed = [chore.__name__ for chore in Chore.all() if not run_once(app, chore)]
    for name in failed:
        click.echo(f"{name} failed; the log says why.", err=True)
    if failed:
        raise SystemExit(1)
