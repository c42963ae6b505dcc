"""Fixtures every test may ask for."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from flask import has_request_context, request
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from app.domains import load_all
from app.extensions import db, only_reads
from tests.databases import BOTH, migrated_app, undone
from tests.people import PEOPLE, Person, move_in, sign_in

# Tests are parametrised over views, tabs and other plugs, so these come first.
load_all()


@pytest.fixture(scope="session", params=BOTH)
def app(request, tmp_path_factory):
    """One application for each database, for the whole run; building it is the slow part."""
    with migrated_app(request.param, tmp_path_factory.mktemp("data")) as app:
        with app.app_context():
            move_in(app.appbuilder.grants())
        yield app


@pytest.fixture
def connection(app):
    """Everything a test writes, commits included, goes through here and is undone."""
    with app.app_context(), undone() as connection:
        yield connection


@pytest.fixture
def session(connection):
    """Give the session of the test."""
    return db.session


@pytest.fixture
def client_as(app, session):
    """Give a browser in which somebody is signed in: ``client_as(BRUNO).get("/contacts/list/")``."""

    def open_browser(person: Person | None) -> FlaskClient:
        browser = app.test_client()
        if person is not None:
            sign_in(browser, person.user.id)
        return browser

    return open_browser


@pytest.fixture(params=PEOPLE, ids=lambda person: person.name)
def person(request) -> Person:
    """Give each of the persons in turn."""
    return request.param


@event.listens_for(Engine, "before_cursor_execute")
def _looking_writes_nothing(connection, cursor, statement, parameters, context, many):
    """Refuse a write during a GET, on both databases; SQLite refuses it outside of tests."""
    if has_request_context() and request.method in ("GET", "HEAD") and only_reads():
        verb = statement.lstrip().split(None, 1)[0].upper()
        assert verb not in ("INSERT", "UPDATE", "DELETE"), f"a GET writes: {statement}"


@contextmanager
def counted_statements():
    """Collect the SQL statements run inside the block, savepoints left out."""
    found: list[str] = []

    def note(connection, cursor, statement, parameters, context, many):
        if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA", "BEGIN")):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def counting():
    """Give the counter of SQL statements: ``with counting() as statements: …``."""
    return counted_statements
