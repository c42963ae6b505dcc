"""An error page says what has become of the request: nothing changed, or perhaps some of it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError

from app.contacts.models import Contact
from app.extensions import db
from app.jobs.runner import run_job
from tests.factories import a_contact
from tests.jobs.counting_job import Tally, enqueue_tally, load_job, make_table
from tests.people import ALICIA, api_key_header

pytestmark = pytest.mark.both_databases

NOTHING, PARTLY = "Nothing was changed.", "Some of it may have been done."
REFERENCE = re.compile(r"error ([A-Z2-9]{6})\b")


@pytest.fixture
def contact(session):
    return a_contact("Norte")


def write(contact_id):
    db.session.execute(update(Contact).where(Contact.id == contact_id).values(first_name="Eva"))


def write_through_the_session(contact_id):
    db.session.get_one(Contact, contact_id).first_name = "Eva"


def write_as_text(contact_id):
    statement = text("UPDATE contact SET first_name = 'Eva' WHERE id = :id")
    db.session.connection().execute(statement, {"id": contact_id})


def read(contact_id):
    db.session.get_one(Contact, contact_id)


def commit(_contact_id):
    db.session.commit()


def roll_back(_contact_id):
    db.session.rollback()


def savepoint(contact_id):
    with db.session.begin_nested():
        write(contact_id)


CASES = [
    ((), NOTHING),
    ((read, commit), NOTHING),
    ((write,), NOTHING),
    ((savepoint,), NOTHING),
    ((write, roll_back, commit), NOTHING),
    ((write, commit), PARTLY),
    ((write_through_the_session, commit), PARTLY),
    ((write_as_text, commit), PARTLY),
    ((savepoint, commit), PARTLY),
    ((write, commit, write, roll_back), PARTLY),
]


def fail_after(app, monkeypatch, steps, contact_id, error: type[Exception] = RuntimeError):
    def view(**_more):
        for step in steps:
            step(contact_id)
        raise error("SQL", {}, Exception()) if error is OperationalError else error("on purpose")

    monkeypatch.setitem(app.view_functions, "ContactView.add", view)
    monkeypatch.setitem(app.view_functions, "ContactView.list", view)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    CASES,
    ids=["-".join(step.__name__ for step in steps) or "none" for steps, _sentence in CASES],
)
@pytest.mark.parametrize("error", [RuntimeError, OperationalError])
def test_an_error_page_tells_whether_anything_was_committed(
    steps, sentence, error, contact, app, client_as, monkeypatch
):
    browser = client_as(ALICIA)
    fail_after(app, monkeypatch, steps, contact.id, error)
    page = browser.post("/contacts/add")
    assert page.status_code == (503 if error is OperationalError else 500)
    assert sentence in page.text
    assert {NOTHING: PARTLY, PARTLY: NOTHING}[sentence] not in page.text
    db.session.refresh(contact)
    assert (contact.first_name == "Eva") is (sentence == PARTLY), "and it is true"


def test_a_page_that_only_reads_does_not_speak_of_changes(contact, app, client_as, monkeypatch):
    browser = client_as(ALICIA)
    fail_after(app, monkeypatch, (read,), contact.id)
    page = browser.get("/contacts/list/")
    assert page.status_code == 500
    assert NOTHING not in page.text
    assert PARTLY not in page.text


def test_an_unanswered_commit_counts_as_perhaps_done(contact, app, client_as, monkeypatch):
    """The connection breaks while the server commits: nobody can tell whether it did."""
    browser = client_as(ALICIA)

    def commit_and_lose_the_connection(_contact_id):
        # What SQLAlchemy does before it sends COMMIT; the tests' own transaction never ends.
        engine = db.engine
        for listener in engine.dispatch.commit:
            listener(None)

    fail_after(
        app, monkeypatch, (write, commit_and_lose_the_connection), contact.id, OperationalError
    )
    assert PARTLY in browser.post("/contacts/add").text


def test_the_page_and_the_log_name_the_same_error(app, contact, client_as, monkeypatch, caplog):
    browser = client_as(ALICIA)
    fail_after(app, monkeypatch, (), contact.id)
    first, second = browser.post("/contacts/add").text, browser.get("/contacts/list/").text
    references = [REFERENCE.search(page)[1] for page in (first, second)]
    assert references[0] != references[1]
    for reference in references:
        assert caplog.text.count(f"Error {reference}: unhandled exception in") == 1


def test_a_program_gets_the_same_sentences(app, contact, client_as, monkeypatch, caplog):
    headers, contact_id = api_key_header(ALICIA.user.id), contact.id

    def view(**_more):
        write(contact_id)
        db.session.commit()
        raise RuntimeError

    [endpoint] = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.rule == "/api/v1/contacts/" and "POST" in rule.methods
    ]
    monkeypatch.setitem(app.view_functions, endpoint, view)
    reply = client_as(None).post("/api/v1/contacts/", json={}, headers=headers)
    assert reply.status_code == 500
    assert PARTLY in reply.get_json()["error"]
    assert REFERENCE.search(reply.get_json()["error"])[1] in caplog.text


def test_a_failed_job_names_its_error(session, monkeypatch, caplog):
    make_table()

    def break_off(_session, _job):
        raise RuntimeError

    monkeypatch.setattr(Tally, "after", staticmethod(break_off))
    job_id = enqueue_tally(5)
    run_job(job_id)
    reference = REFERENCE.search(load_job(job_id).error)[1]
    assert f"Error {reference}: job {job_id} (tally) failed" in caplog.text
