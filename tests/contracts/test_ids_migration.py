"""The migration that makes SQLite count on carries everything over, or nothing."""

from __future__ import annotations

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, Engine, event, text

from app.contacts.models import Tag
from app.extensions import db
from app.operations.models import OperationItem
from tests.databases import empty_database, make_app
from tests.factories import a_contact, a_row, a_value, an_account, an_operation
from tests.people import BRUNO, seed_people

# What somebody made beside the program's own.
REBUILT_LATER = {"mail", "counter", "account", "operation_item"}
THEIRS = {
    "their_view": "CREATE VIEW their_view AS SELECT count(*) FROM contact",
    "their_index": "CREATE INDEX their_index ON contact (city) WHERE city > '%:a'",
    "their_trigger": "CREATE TRIGGER their_trigger AFTER DELETE ON tag BEGIN"
    " UPDATE contact SET version = version WHERE id = 0; END",
}


@pytest.fixture
def before(tmp_path):
    """A house of the time before, with people in it and the greatest numbers gone."""
    with empty_database("sqlite", tmp_path) as url:
        app = make_app(url, tmp_path)
        with app.app_context():
            upgrade()
            seed_people(app.appbuilder.grants())
            boss = a_contact(account=an_account(), tags=[a_value(Tag)], email="jefa@example.org")
            a_contact(manager=boss, user=BRUNO.user)
            gone = a_contact()
            db.session.delete(gone)
            db.session.commit()
            db.session.remove()
            downgrade(revision="0003")
            for statement in (*THEIRS.values(), "ANALYZE"):
                db.session.connection().exec_driver_sql(statement)
            db.session.commit()
            db.session.remove()
            yield app
            db.session.remove()
            db.engine.dispose()


def look(connection: Connection) -> tuple[dict, dict]:
    """Return the rows of every table, and how everything was made."""
    run = connection.exec_driver_sql
    made = {row[0]: row[1] for row in run("SELECT name, sql FROM sqlite_master")}
    tables = run("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
    left_out = {"alembic_version", "sqlite_sequence"}
    names = sorted(set(tables) - left_out)
    # In the order of their places where there are any: those stay as well.
    rows = {name: [tuple(row) for row in run(f'SELECT * FROM "{name}"')] for name in names}
    return rows, {name: sql for name, sql in made.items() if name not in left_out}


def see() -> tuple[dict, dict]:
    with db.engine.connect() as connection:
        return look(connection)


def shapes(made: dict) -> dict:
    """Return how things were made, whether or not a name stands in quotes."""
    return {name: sql and sql.replace('"', "") for name, sql in made.items()}


def test_it_carries_over_every_row_index_and_trigger_and_takes_it_back(before):
    rows, made = see()
    tables = {name for name, sql in made.items() if sql and sql.startswith("CREATE TABLE")}
    assert rows["contact_tag"]
    assert rows["sqlite_stat1"]

    upgrade(revision="0004")
    rows_after, made_after = see()

    assert rows_after == rows
    assert made_after.keys() == made.keys()
    assert {name for name in made if made[name] != made_after[name]} <= tables
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"

    downgrade(revision="0003")
    assert see()[0] == rows
    assert shapes(see()[1]) == shapes(made)

    upgrade(revision="0004")
    assert see() == (rows, made_after)

    downgrade(revision="base")
    upgrade(revision="0004")
    fresh = see()[1]
    # These were made anew by later migrations, and taken back by them.
    fresh = {name: sql for name, sql in fresh.items() if name not in REBUILT_LATER}
    assert {name: made_after[name] for name in fresh} == fresh
    others = {*THEIRS, *REBUILT_LATER, "sqlite_stat1", "sqlite_stat4"}
    assert made_after.keys() - fresh.keys() <= others


def test_stopped_at_its_last_table_it_has_changed_nothing(before):
    was = see()

    def stop(connection, cursor, statement, parameters, context, many):
        if statement.endswith("RENAME TO operation"):
            raise RuntimeError("the power is gone")

    event.listen(Engine, "before_cursor_execute", stop)
    try:
        with pytest.raises(SystemExit):
            upgrade(revision="0004")
    finally:
        event.remove(Engine, "before_cursor_execute", stop)

    assert see() == was
    db.session.execute(text("UPDATE contact SET city = 'Cáceres'"))
    db.session.commit()
    db.session.remove()
    upgrade(revision="0004")
    assert see()[0].keys() == was[0].keys()


def test_numbers_the_log_and_operations_speak_of_are_not_given_again(before):
    entry = {
        "at": "2026-01-01 00:00:00", "actor_id": 4000, "actor_name": "Alguien", "channel": "web", "event": "changed",
        "subject_type": "tag", "subject_id": 4001, "subject_name": "VIP", "operation_id": 4002,
    }  # fmt: skip
    operation = an_operation(BRUNO.user)
    operation.subject_type = "account"
    db.session.add(OperationItem(operation_id=operation.id, row_id=4003))
    columns = ", ".join(entry)
    values = ", ".join(f":{name}" for name in entry)
    db.session.execute(text(f"INSERT INTO log_entry ({columns}) VALUES ({values})"), entry)
    db.session.commit()
    purged = db.session.scalar(
        text(
            "SELECT subject_id FROM log_entry WHERE subject_type = 'contact' AND event = 'purged'"
        )
    )
    assert purged > db.session.scalar(text("SELECT max(id) FROM contact"))
    db.session.remove()

    upgrade()

    assert a_contact().id == purged + 1
    assert a_row(type(BRUNO.user)).id == 4001
    assert a_value(Tag).id == 4002
    assert an_operation(BRUNO.user).id == 4003
    assert an_account().id == 4004
