"""Chores: one thread does them in turn; what goes wrong with one is no other's trouble."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import OperationalError

from app import periodic
from app.periodic import Chore, ChoreThread
from app.extensions import db
from app.mails.periodic import DeliverMails
from app.mails.services import queue_mail
from app.security.actor import SYSTEM, current_actor


@pytest.fixture
def done(monkeypatch):
    """Give what the chores of the test did, in a house that has no others."""
    monkeypatch.setattr(Chore, "_plugged", [])
    happened: list[str] = []
    turn = threading.Semaphore(0)

    class Broken(Chore):
        """Fails, always."""

        every = 3600

        def run(self, app):
            happened.append("broken")
            raise RuntimeError("on purpose")

    class Whole(Chore):
        """Works, always."""

        every = 3600

        def run(self, app):
            assert current_actor() is SYSTEM
            happened.append("whole")
            turn.release()

    return happened, turn, Whole


def test_the_next_chore_goes_on_when_one_fails(app, done, caplog):
    happened, turn, _whole = done
    thread = ChoreThread(app)
    thread.start()
    assert turn.acquire(timeout=60)
    thread.stop()
    assert happened == ["broken", "whole"]
    assert "The chore Broken failed." in caplog.text
    assert not thread.is_alive()


def test_a_database_that_goes_away_under_a_chore_stops_no_other(app, done, monkeypatch):
    happened, turn, _whole = done
    close = db.session.remove

    def remove():
        close()
        if happened == ["broken"]:
            raise OperationalError("ROLLBACK", {}, Exception("the server was restarted"))

    with monkeypatch.context() as patch:
        patch.setattr(db.session, "remove", remove)
        thread = ChoreThread(app)
        thread.start()
        assert turn.acquire(timeout=60)
        thread.stop()
    assert happened == ["broken", "whole"]


def test_a_chore_that_is_woken_does_not_wait_for_its_time(app, done):
    happened, turn, whole = done
    thread = ChoreThread(app)
    thread.start()
    assert turn.acquire(timeout=60)
    whole.wake()
    assert turn.acquire(timeout=60)
    thread.stop()
    assert happened.count("whole") == 2
    assert happened.count("broken") == 1


def test_cron_is_told_which_chore_failed(app, session, done):
    happened, _turn, _whole = done
    reply = app.test_cli_runner().invoke(args=["chores"])
    assert reply.exit_code == 1
    assert "Broken failed" in reply.output
    assert happened == ["broken", "whole"]


def test_every_chore_of_the_house_can_be_done(app, session):
    reply = app.test_cli_runner().invoke(args=["chores"])
    assert reply.exit_code == 0, reply.output


@pytest.fixture
def woken(monkeypatch):
    found = []
    monkeypatch.setattr(DeliverMails, "wake", classmethod(lambda cls: found.append(cls)))
    return found


def test_a_commit_that_queued_a_mail_wakes_the_delivery_and_no_other_does(session, woken):
    db.session.commit()
    assert woken == []
    queue_mail(db.session(), "plain")
    with db.session.begin_nested():
        pass
    assert woken == [], "not yet committed"
    db.session.commit()
    assert woken == [DeliverMails]
    db.session.commit()
    assert woken == [DeliverMails]


def test_what_was_undone_wakes_nobody(session, woken):
    queue_mail(db.session(), "plain")
    db.session.rollback()
    db.session.commit()
    assert woken == []


def test_to_build_the_program_starts_no_thread(app):
    assert not [it for it in threading.enumerate() if isinstance(it, ChoreThread)]
    assert not periodic.is_stopping()
