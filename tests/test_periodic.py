"""One thread runs the periodic tasks in turn; an error in one does not stop the others."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import OperationalError

from app import periodic
from app.extensions import db
from app.outbox.periodic import DeliverMessages
from app.outbox.services import queue_message
from app.periodic import PeriodicTask, PeriodicTaskRunner, PeriodicTaskThread
from app.security.actor import SYSTEM, current_actor
from app.trash.periodic import PurgeOldTrash


@pytest.fixture
def results(monkeypatch):
    """Replace all periodic tasks by two that record their runs."""
    monkeypatch.setattr(PeriodicTask, "_registered", [])
    ran: list[str] = []
    finished = threading.Semaphore(0)

    class Broken(PeriodicTask):
        """Fails, always."""

        interval_seconds = 3600

        def run(self, app):
            ran.append("broken")
            raise RuntimeError("on purpose")

    class Working(PeriodicTask):
        """Works, always."""

        interval_seconds = 3600

        def run(self, app):
            assert current_actor() is SYSTEM
            ran.append("working")
            finished.release()

    return ran, finished, Working


def test_a_failing_task_does_not_stop_the_next(app, results, caplog):
    ran, finished, _working = results
    runner = PeriodicTaskRunner(app)
    runner.start()
    assert finished.acquire(timeout=60)
    runner.stop()
    assert ran == ["broken", "working"]
    assert "the periodic task Broken failed" in caplog.text
    assert not any(it.is_alive() for it in runner.threads)


def test_a_lost_database_connection_does_not_stop_the_next_task(app, results, monkeypatch):
    ran, finished, _working = results
    close = db.session.remove

    def remove():
        close()
        if ran == ["broken"]:
            raise OperationalError("ROLLBACK", {}, Exception("the server was restarted"))

    with monkeypatch.context() as patch:
        patch.setattr(db.session, "remove", remove)
        runner = PeriodicTaskRunner(app)
        runner.start()
        assert finished.acquire(timeout=60)
        runner.stop()
    assert ran == ["broken", "working"]


def test_run_soon_runs_a_task_before_it_is_due(app, results):
    ran, finished, working = results
    runner = PeriodicTaskRunner(app)
    runner.start()
    assert finished.acquire(timeout=60)
    working.run_soon()
    assert finished.acquire(timeout=60)
    runner.stop()
    assert ran.count("working") == 2
    assert ran.count("broken") == 1


def test_run_periodic_reports_which_task_failed(app, session, results):
    ran, _finished, _working = results
    reply = app.test_cli_runner().invoke(args=["run-periodic"])
    assert reply.exit_code == 1
    assert "Broken failed" in reply.output
    assert ran == ["broken", "working"]


@pytest.mark.parametrize("task", [DeliverMessages, PurgeOldTrash])
def test_other_tasks_go_on_while_one_waits_or_has_much_to_do(task, app, monkeypatch):
    monkeypatch.setattr(PeriodicTask, "_registered", [])
    is_busy, may_end, ran = threading.Event(), threading.Event(), threading.Semaphore(0)

    class Other(PeriodicTask):
        """Runs as often as it can."""

        interval_seconds = 0

        def run(self, app):
            ran.release()

    def take_long(_self, _app):
        is_busy.set()
        assert may_end.wait(60)

    monkeypatch.setattr(task, "run", take_long)
    runner = PeriodicTaskRunner(app, (task, Other))
    runner.start()
    try:
        assert is_busy.wait(60)
        for _each in range(3):
            assert ran.acquire(timeout=60)
        assert not may_end.is_set()
    finally:
        may_end.set()
        runner.stop(60)


def test_every_periodic_task_runs(app, session):
    reply = app.test_cli_runner().invoke(args=["run-periodic"])
    assert reply.exit_code == 0, reply.output


@pytest.fixture
def requested(monkeypatch):
    calls = []
    monkeypatch.setattr(DeliverMessages, "run_soon", classmethod(lambda cls: calls.append(cls)))
    return calls


def test_only_a_commit_that_queued_a_mail_requests_the_delivery(session, requested):
    db.session.commit()
    assert requested == []
    queue_message(db.session(), "plain")
    with db.session.begin_nested():
        pass
    assert requested == [], "not yet committed"
    db.session.commit()
    assert requested == [DeliverMessages]
    db.session.commit()
    assert requested == [DeliverMessages]


def test_a_rollback_requests_no_delivery(session, requested):
    queue_message(db.session(), "plain")
    db.session.rollback()
    db.session.commit()
    assert requested == []


def test_creating_the_app_starts_no_thread(app):
    assert not [it for it in threading.enumerate() if isinstance(it, PeriodicTaskThread)]
    assert not periodic.is_stopping()
