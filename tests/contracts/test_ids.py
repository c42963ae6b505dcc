"""A number is given once: what is deleted for good leaves its own to nobody, on both databases."""

from __future__ import annotations

import re

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import func, inspect, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from app.accounts.models import Account
from app.contacts.models import Category, Contact, ContactType, Status, Tag
from app.entities.models import Entity
from app.extensions import db
from app.log.models import LogEntry
from app.staff.models import StaffUser
from app.trash.services import move_to_trash
from tests.factories import a_contact, a_row, a_value
from tests.people import BRUNO

pytestmark = pytest.mark.both_databases

MODELS = (Account, Category, Contact, ContactType, Entity, Role, StaffUser, Status, Tag)


def counted() -> set[str]:
    """Return the tables that give their rows a number."""
    tables = Model.metadata.tables.values()
    return {table.name for table in tables if table.autoincrement_column is not None}


def in_sqlite(table: str) -> str:
    """Return how SQLite was told to make a table."""
    return db.session.scalar(
        text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table}
    )


def test_every_table_that_gives_numbers_gives_them_once(session):
    tables = inspect(db.session.connection()).get_table_names()
    keys = {name: inspect(db.session.connection()).get_pk_constraint(name) for name in tables}
    alone = {name for name in tables if keys[name]["constrained_columns"] == ["id"]}

    if db.engine.dialect.name == "sqlite":
        once = {name for name in alone if "AUTOINCREMENT" in in_sqlite(name)}
    else:
        ask = text("SELECT pg_get_serial_sequence(:name, 'id')")
        once = {name for name in alone if db.session.scalar(ask, {"name": name})}

    assert counted() == once
    assert {name for name in alone if "_fts" not in name} == once


def test_a_migration_to_come_would_make_every_table_count_on():
    for name in counted():
        made = str(CreateTable(Model.metadata.tables[name]).compile(dialect=sqlite.dialect()))
        assert re.search(r"\bid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT\b", made), made


@pytest.mark.parametrize("model", MODELS)
def test_the_number_of_the_last_row_is_not_given_again(session, model):
    row = a_row(model)
    number = row.id
    assert number == db.session.scalar(select(func.max(model.__table__.c.id)))

    db.session.delete(row)
    db.session.commit()

    assert a_row(model).id > number


def test_the_log_of_a_new_contact_does_not_begin_with_another_ones(client_as):
    contact = a_contact(last_name="Borrada")
    number, home = contact.id, contact.entity_id
    move_to_trash(contact, BRUNO.as_actor())
    db.session.commit()
    browser = client_as(BRUNO)
    browser.post("/contacts/trash/empty", data={"word": "Delete permanently"})
    assert db.session.get(Contact, number, populate_existing=True) is None

    browser.post("/contacts/add", data={"last_name": "Nueva", "entity": home})

    new = db.session.scalars(select(Contact).where(Contact.last_name == "Nueva")).one()
    told = select(LogEntry.event).where(
        LogEntry.subject_type == "contact", LogEntry.subject_id == new.id
    )
    assert new.id > number
    assert db.session.scalars(told).all() == ["created"]
    assert "Borrada" not in browser.get(f"/contacts/show/{new.id}").text


def test_a_table_that_is_altered_by_copying_it_counts_on(session):
    """Alembic alters a table on SQLite by copying it; it knows nothing of numbers."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL alters a table in its place.")
    value = a_value(Tag)
    number = value.id
    db.session.delete(value)
    db.session.commit()

    alter = Operations(MigrationContext.configure(db.session.connection()))
    with alter.batch_alter_table("tag", recreate="always") as batch:
        batch.alter_column("colour", nullable=True)

    assert "AUTOINCREMENT" in in_sqlite("tag")
    assert a_value(Tag).id > number
