"""An import while others change the same contacts."""

from __future__ import annotations

import json

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from app.contacts.importers import ContactImporter
from app.extensions import db
from app.importexport.writing import ChunkWriter
from app.operations.models import Operation
from app.security.actor import SYSTEM
from app.trash.services import move_to_trash
from tests.contacts.importing import counts
from tests.contacts.test_import import get_contact, load
from tests.factories import a_contact
from tests.importexport.importing import check_file, report_of, run_checked, run_job

pytestmark = pytest.mark.both_databases

# ``load`` is a fixture.
__all__ = ["load"]


@pytest.fixture
def checked(session, tmp_path):
    """Return a function that uploads and checks a file."""

    def check(text: str):
        path = tmp_path / "contacts.csv"
        path.write_text(text)
        return check_file(ContactImporter(), path)

    return check


def test_a_change_since_the_check_is_kept_and_counted(checked):
    contact = a_contact(last_name="Peña", email="p@example.org", city="Irún")
    run = checked("email,city\np@example.org,Bilbao\n")
    contact.notes = "meanwhile"
    db.session.commit()
    report = report_of(run_checked(run))
    assert (counts(report), report.changed_since) == ({"updated": 1}, 1)
    found = get_contact("Peña")
    assert (found.city, found.notes, found.version) == ("Bilbao", "meanwhile", 3)


@pytest.mark.parametrize("how", ["trashed", "purged", "moved"])
def test_what_is_gone_since_the_check_is_left_out(checked, how):
    contact = a_contact(last_name="Peña", email="p@example.org", city="Irún")
    run = checked("email,city\np@example.org,Bilbao\n")
    if how == "trashed":
        move_to_trash(contact, SYSTEM)
    elif how == "purged":
        db.session.delete(contact)
    else:
        contact.email = "other@example.org"
    db.session.commit()
    expected = {"updated": 1} if how == "moved" else {"skipped": 1}
    assert counts(report_of(run_checked(run))) == expected


def test_of_two_files_with_the_same_new_person_one_adds_them(checked):
    text = "email,first name,last name\np@example.org,Ana,Peña\nq@example.org,Eva,Ruiz\n"
    first, second = checked(text), checked(text)
    assert counts(report_of(run_checked(first, size=1))) == {"new": 2}
    report = report_of(run_checked(second, size=1))
    assert counts(report) == {"conflict": 2}
    assert "Somebody else has added this" in report.errors[0]["reason"]


def test_a_number_that_is_taken_since_the_check_is_refused(checked):
    run = checked("number,last name\nS-1,Peña\nS-2,Ruiz\n")
    a_contact(last_name="Vega", number="S-1")
    report = report_of(run_checked(run))
    assert counts(report) == {"new": 1, "invalid": 1}


def test_rows_are_updated_in_the_order_of_their_ids(load):
    emails = [a_contact(email=f"{n}@example.org").email for n in range(4)]
    sent = []

    statements = []

    def record_update(_connection, _cursor, statement, _parameters, context, _many):
        statements.append(statement)
        if statement.startswith("UPDATE contact SET") and db.engine.dialect.name == "sqlite":
            sent.append([row["old_id"] for row in context.compiled_parameters])
        elif "FOR NO KEY UPDATE" in statement and "ORDER BY contact.id" in statement:
            (ids,) = context.compiled_parameters[0].values()
            sent.append([row["value"] for row in json.loads(ids)])

    event.listen(db.engine, "before_cursor_execute", record_update)
    try:
        load("Email,City\n" + "".join(f"{email},Bilbao\n" for email in reversed(emails)))
    finally:
        event.remove(db.engine, "before_cursor_execute", record_update)

    assert len(sent) == sum(s.startswith("UPDATE contact SET") for s in statements) == 1
    assert sent[0] == sorted(sent[0])
    assert len(set(sent[0])) == 4


def test_a_chunk_that_was_rolled_back_is_done_again_once(checked, monkeypatch):
    """PostgreSQL rolls back one of two transactions that wait for each other."""
    a_contact(last_name="Ruiz", email="a@example.org", city="Madrid")
    run = checked(
        "Email,City,Last name\na@example.org,Bilbao,Ruiz\nb@example.org,Bilbao,Peña\n"
        "c@example.org,Bilbao,Vega\n"
    )
    original, attempts = ChunkWriter.write, []

    def write_with_deadlock(chunk):
        original(chunk)
        attempts.append(1)
        if len(attempts) == 2:
            raise OperationalError("UPDATE", {}, DeadlockDetected())

    monkeypatch.setattr(ChunkWriter, "write", write_with_deadlock)
    with pytest.raises(AssertionError, match="queued"):
        run_checked(run, size=2)
    job = db.session.get_one(Operation, run.operation_id, populate_existing=True).job
    run_job(job, 2)
    report = report_of(db.session.get_one(type(run), run.id, populate_existing=True))
    assert counts(report) == {"new": 2, "updated": 1}
    assert (len(attempts), get_contact("Ruiz").version) == (3, 2)
