"""What people typed never reaches the program's log, however a request, a job or a task fails."""

from __future__ import annotations

import io
import logging

import psycopg
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import OperationalError

from app.contacts.models import Contact
from app.extensions import db
from app.jobs.runner import run_job
from app.logs import OutageLog, outages
from app.outbox.delivery import deliver_due
from app.outbox.services import queue_message
from app.periodic import PeriodicTask, run_once
from app.staff.models import StaffUser
from tests.jobs.counting_job import Tally, enqueue_tally, make_table
from tests.outbox.smtp_server import Plain
from tests.people import ALICIA

pytestmark = pytest.mark.both_databases

CANARIES = ("canario@example.org", "Canariotérez", "scrypt:canario$hash")
EMAIL, NAME, PASSWORD_HASH = CANARIES


@pytest.fixture
def log(monkeypatch):
    """Collect what the program logs, with tracebacks, as a plain handler writes it."""
    monkeypatch.setattr(outages, "_failures", {})
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def insert_user_twice():
    """Break a unique constraint: PostgreSQL's DETAIL quotes the key, and CHECKs the whole row."""
    row = {
        "username": EMAIL,
        "first_name": NAME,
        "last_name": NAME,
        "email": EMAIL,
        "password": PASSWORD_HASH,
        "active": True,
        "entity_id": ALICIA.user.entity_id,
    }
    db.session.execute(insert(StaffUser.__table__), [row])
    db.session.execute(insert(StaffUser.__table__), [row])


def flush_contact_twice():
    entity = ALICIA.user.entity
    for _each in range(2):
        names = {"first_name": NAME, "last_name": NAME, "email": EMAIL, "notes": PASSWORD_HASH}
        db.session.add(Contact(number="77", entity=entity, **names))
    db.session.flush()


def omit_a_required_value():
    """Break NOT NULL: PostgreSQL's DETAIL quotes the whole row."""
    db.session.execute(
        insert(Contact.__table__), {"first_name": NAME, "email": EMAIL, "notes": PASSWORD_HASH}
    )


def misspell_a_column():
    db.session.execute(
        text("SELECT nothing FROM contact WHERE email = :a AND last_name = :b"),
        {"a": EMAIL, "b": NAME},
    )


def cast_a_name():
    if db.engine.dialect.name == "sqlite":
        raise ValueError(f"invalid literal for int(): {NAME}")
    db.session.execute(text("SELECT CAST(:name AS integer)"), {"name": NAME})


def lose_the_connection():
    raise OperationalError("UPDATE", {"password": PASSWORD_HASH}, Exception(f"gone: {EMAIL}"))


def fail_in_the_program():
    try:
        raise KeyError(NAME)
    except KeyError as error:
        raise RuntimeError(f"could not send to {EMAIL}") from error


FAILURES = {
    insert_user_twice: (409, "IntegrityError"),
    flush_contact_twice: (409, "IntegrityError"),
    omit_a_required_value: (409, "IntegrityError"),
    misspell_a_column: (500, "Error"),
    cast_a_name: (None, "Error"),
    lose_the_connection: (503, "OperationalError"),
    fail_in_the_program: (500, "RuntimeError"),
}


def fail(*_args, failure, **_more):
    failure()


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.__name__)
def test_a_failed_request_logs_no_personal_data(failure, app, client_as, log, monkeypatch):
    browser = client_as(ALICIA)
    monkeypatch.setitem(
        app.view_functions, "ContactView.add", lambda **_more: fail(failure=failure)
    )
    form = {"first_name": NAME, "email": EMAIL, "password": PASSWORD_HASH}
    reply = browser.post(f"/contacts/add?email={EMAIL}", data=form)
    status, error_class = FAILURES[failure]
    assert reply.status_code >= 400
    assert reply.status_code == status or status is None
    assert error_class in log.getvalue(), "what kind of error it was"
    for canary in CANARIES:
        assert canary not in log.getvalue()
        assert canary not in reply.text


def test_a_constraint_is_named(app, client_as, log, monkeypatch):
    browser = client_as(ALICIA)
    monkeypatch.setitem(app.view_functions, "ContactView.add", insert_user_twice)
    browser.post("/contacts/add")
    assert "POST /contacts/add: concurrent write" in log.getvalue()
    is_sqlite = db.engine.dialect.name == "sqlite"
    names = ("SQLITE_CONSTRAINT_UNIQUE", "ab_user") if is_sqlite else ("UniqueViolation", "23505")
    for name in names:
        assert name in log.getvalue()


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.__name__)
def test_a_failed_job_logs_no_personal_data(failure, session, log, monkeypatch):
    make_table()
    job_id = enqueue_tally(5)
    monkeypatch.setattr(Tally, "after", staticmethod(lambda *_args: failure()))
    run_job(job_id)
    assert "Error" in log.getvalue()
    for canary in CANARIES:
        assert canary not in log.getvalue()


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.__name__)
def test_a_failed_task_or_mail_logs_no_personal_data(failure, app, session, log, monkeypatch):
    monkeypatch.setattr(PeriodicTask, "_registered", [])

    class Failing(PeriodicTask):
        """Fails."""

        interval_seconds = 60

        def run(self, app):
            failure()

    assert not run_once(app, Failing)
    monkeypatch.setattr(Plain, "compose", lambda *_args: failure())
    queue_message(db.session(), "plain")
    db.session.commit()
    assert deliver_due(app) == {"failed": 1}
    assert log.getvalue().count("Error") >= 2
    for canary in CANARIES:
        assert canary not in log.getvalue()


def test_an_outage_is_one_line_and_not_one_for_each_request(app, client_as, log, monkeypatch):
    browser = client_as(ALICIA)
    moment = [0.0]
    monkeypatch.setattr(outages, "_clock", lambda: moment[0])
    monkeypatch.setitem(app.view_functions, "ContactView.list", lose_the_connection)
    for _each in range(30):
        assert browser.get("/contacts/list/").status_code == 503
    assert log.getvalue().count("\n") == 1, log.getvalue()
    moment[0] += 61
    browser.get("/contacts/list/")
    assert log.getvalue().count("\n") == 2, "an outage of its own"


def test_the_end_of_an_outage_is_logged_once(log, monkeypatch):
    moment = [0.0]
    own = OutageLog(lambda: moment[0])
    own.note_connection()
    assert log.getvalue() == ""
    lost = OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused"))
    for _each in range(5):
        own.add(logging.getLogger(), lost)
        moment[0] += 10
    own.note_connection()
    own.note_connection()
    lines = log.getvalue().splitlines()
    assert len(lines) == 2, lines
    assert "connection refused" in lines[0], "why the server does not answer"
    assert "answers again after 50 s; 5 attempts failed" in lines[1]
