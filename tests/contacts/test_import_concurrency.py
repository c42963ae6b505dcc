"""An import beside others who change the same contacts."""

from __future__ import annotations

import pytest
from psycopg.errors import DeadlockDetected, DiskFull
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

from app.contacts.models import Contact
from app.extensions import db
from app.importexport.writing import ChunkWriter
from tests.contacts.importing import counts
from tests.contacts.test_import import load, the_contact
from tests.factories import a_contact

# The import of some lines, as a fixture.
__all__ = ["load"]


def test_somebody_who_is_faster_is_not_overwritten_unseen(load, monkeypatch):
    contact = a_contact(last_name="Peña", email="p@example.org", city="Irún")
    write, turns = ChunkWriter.write, []

    def late(chunk):
        if not turns:
            table = Contact.__table__
            db.session.execute(
                update(table)
                .where(table.c.id == contact.id)
                .values(notes="meanwhile", version=table.c.version + 1)
            )
            db.session.commit()
        turns.append(1)
        write(chunk)

    monkeypatch.setattr(ChunkWriter, "write", late)
    assert counts(load("email,city\np@example.org,Bilbao\n")) == {"updated": 1}
    found = the_contact("Peña")
    assert (len(turns), found.city, found.notes, found.version) == (2, "Bilbao", "meanwhile", 3)


def test_rows_are_locked_in_the_order_of_their_numbers_whatever_the_file(load):
    emails = [a_contact(email=f"{n}@example.org").email for n in range(4)]
    sent = []

    def note(_connection, _cursor, statement, _parameters, context, _many):
        if statement.startswith("UPDATE contact SET"):
            sent.append([row["old_id"] for row in context.compiled_parameters])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        load("Email,City\n" + "".join(f"{email},Bilbao\n" for email in reversed(emails)))
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert len(sent) == 1
    assert sent[0] == sorted(sent[0])
    assert len(set(sent[0])) == 4


def test_who_is_given_up_for_another_is_not_told_and_imports_all_the_same(load, monkeypatch):
    """What PostgreSQL does to one of two that wait for each other's rows."""
    a_contact(email="a@example.org", city="Madrid")
    whole, turns = ChunkWriter.write, []

    def given_up(chunk):
        whole(chunk)
        turns.append(1)
        if len(turns) < 3:
            raise OperationalError("UPDATE", {}, DeadlockDetected())

    monkeypatch.setattr(ChunkWriter, "write", given_up)
    report = load("Email,City,Last name\na@example.org,Bilbao,Ruiz\nb@example.org,Bilbao,Peña\n")
    assert counts(report) == {"new": 1, "updated": 1}
    assert (len(turns), the_contact("Ruiz").city, the_contact("Peña").city) == (
        3, "Bilbao", "Bilbao",
    )  # fmt: skip


def test_what_is_no_deadlock_is_not_tried_again(load, monkeypatch):
    turns = []

    def full(_chunk):
        turns.append(1)
        raise OperationalError("UPDATE", {}, DiskFull())

    monkeypatch.setattr(ChunkWriter, "write", full)
    with pytest.raises(OperationalError):
        load("Email,Last name\na@example.org,Ruiz\n")
    assert turns == [1]
