"""An import while others change the same contacts."""

from __future__ import annotations

import json

import pytest
from psycopg.errors import DeadlockDetected, DiskFull
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

from app.contacts.models import Contact
from app.extensions import db
from app.importexport.writing import ChunkWriter
from tests.contacts.importing import counts
from tests.contacts.test_import import get_contact, load
from tests.factories import a_contact

pytestmark = pytest.mark.both_databases

# ``load`` is a fixture.
__all__ = ["load"]


def test_a_concurrent_change_is_not_overwritten(load, monkeypatch):
    contact = a_contact(last_name="Peña", email="p@example.org", city="Irún")
    original, attempts = ChunkWriter.write, []

    def write_after_change(chunk):
        if not attempts:
            table = Contact.__table__
            db.session.execute(
                update(table)
                .where(table.c.id == contact.id)
                .values(notes="meanwhile", version=table.c.version + 1)
            )
            db.session.commit()
        attempts.append(1)
        original(chunk)

    monkeypatch.setattr(ChunkWriter, "write", write_after_change)
    assert counts(load("email,city\np@example.org,Bilbao\n")) == {"updated": 1}
    found = get_contact("Peña")
    assert (len(attempts), found.city, found.notes, found.version) == (2, "Bilbao", "meanwhile", 3)


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


def test_a_chunk_is_retried_after_a_deadlock(load, monkeypatch):
    """PostgreSQL rolls back one of two transactions that wait for each other."""
    a_contact(last_name="Ruiz", email="a@example.org", city="Madrid")
    original, attempts = ChunkWriter.write, []

    def write_with_deadlock(chunk):
        original(chunk)
        attempts.append(1)
        if len(attempts) < 3:
            raise OperationalError("UPDATE", {}, DeadlockDetected())

    monkeypatch.setattr(ChunkWriter, "write", write_with_deadlock)
    report = load("Email,City,Last name\na@example.org,Bilbao,Ruiz\nb@example.org,Bilbao,Peña\n")
    assert counts(report) == {"new": 1, "updated": 1}
    assert (len(attempts), get_contact("Ruiz").city, get_contact("Peña").city) == (
        3, "Bilbao", "Bilbao",
    )  # fmt: skip


def test_other_operational_errors_are_not_retried(load, monkeypatch):
    attempts = []

    def fail_on_full_disk(_chunk):
        attempts.append(1)
        raise OperationalError("UPDATE", {}, DiskFull())

    monkeypatch.setattr(ChunkWriter, "write", fail_on_full_disk)
    with pytest.raises(OperationalError):
        load("Email,Last name\na@example.org,Ruiz\n")
    assert attempts == [1]
