"""The migration to a log that can be emptied, in both directions, and what stays in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from app.log.erasing import entries_of, entries_with_ids, erase_entries
from app.log.models import LogEntry
from app.log.seal_file import seal_file_path
from app.log.services import record_security_event
from app.log.verification import verify
from app.security.actor import SYSTEM
from tests.databases import migrated_app
from tests.factories import a_contact
from tests.log.falsifications import seal_all
from tests.log.test_erasing import seal_as_before
from tests.people import seed_people

BEFORE = "0026"


@pytest.fixture
def contact(database, tmp_path):
    with migrated_app(database, tmp_path) as app, app.app_context():
        seed_people(app.appbuilder.grants())
        contact = a_contact(last_name="Peñalba", email="canary@example.org")
        yield contact
        db.session.remove()


def rows(statement: str) -> list[tuple]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def assert_only_added_to(table: str) -> None:
    for statement in (f"UPDATE {table} SET id = id + 1000", f"DELETE FROM {table}"):
        with (
            pytest.raises(DBAPIError, match="only ever added to"),
            db.engine.begin() as connection,
        ):
            connection.execute(text(statement))


@pytest.mark.both_databases
def test_the_log_its_seals_and_its_guards_survive_both_directions(contact, tmp_path):
    contact_id = contact.id
    seal_as_before(tmp_path)
    columns = "id, at, actor_name, event, subject_name, CAST(changes AS VARCHAR), actor_type"
    entries = rows(f"SELECT {columns} FROM log_entry ORDER BY id")
    seals = rows("SELECT id, digest FROM log_seal ORDER BY id")
    seal_all(tmp_path)
    # The version before does not know its newer lines.
    seal_file_path(tmp_path).unlink()
    db.session.remove()

    downgrade(revision=BEFORE)
    assert_only_added_to("log_entry")
    assert_only_added_to("log_seal")
    assert rows("SELECT id, digest FROM log_seal ORDER BY id") == seals
    assert rows(f"SELECT {columns} FROM log_entry ORDER BY id") == entries
    upgrade(revision="0030")
    upgrade()

    assert rows(f"SELECT {columns} FROM log_entry ORDER BY id") == entries
    salts = rows("SELECT actor_salt FROM log_entry UNION SELECT subject_salt FROM log_entry")
    assert len({salt for (salt,) in salts if salt}) == 2 * len(entries)
    assert_only_added_to("log_entry")
    assert_only_added_to("log_seal")
    if db.engine.dialect.name == "sqlite":
        [(sql,)] = rows("SELECT sql FROM sqlite_master WHERE name = 'log_entry'")
        assert "AUTOINCREMENT" in sql
        assert rows("SELECT seq FROM sqlite_sequence WHERE name = 'log_entry'") == [
            entries[-1][:1]
        ]
    assert verify(db.session(), tmp_path).discrepancies == []
    seal_all(tmp_path)
    assert erase_entries(db.session(), SYSTEM, entries_of("contact", contact_id), "Art. 17") == 1
    db.session.commit()
    assert verify(db.session(), tmp_path).discrepancies == []
    db.session.remove()
    with pytest.raises(SystemExit):
        downgrade(revision=BEFORE)
    assert rows("SELECT count(*) FROM log_entry WHERE erased_by IS NOT NULL") == [(1,)]


def test_what_is_emptied_does_not_stay_in_the_file(contact):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL overwrites it when it vacuums")
    session, file = db.session(), Path(db.engine.url.database)
    record_security_event(session, "exported", SYSTEM, name="canary", filter="canary " * 2000)
    session.commit()
    # As SQLite does by default, though not where it was built otherwise.
    session.execute(text("PRAGMA secure_delete = OFF"))
    ids = session.scalars(select(LogEntry.id).where(LogEntry.subject_name == "canary")).all()
    erase_entries(session, SYSTEM, entries_with_ids(ids), "Art. 17")
    session.commit()
    db.session.remove()
    # The last connection writes what is in the -wal file.
    db.engine.dispose()
    assert not Path(f"{file}-wal").exists()
    assert b"canary canary" not in file.read_bytes()
