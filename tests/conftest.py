"""Fixtures every test may ask for."""

from __future__ import annotations

import gc
import os
from contextlib import ExitStack, contextmanager

import pytest
from flask import Flask, has_request_context, request
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from app.customfields import loading
from app.customfields.slots import SlotField
from app.database import is_read_only
from app.domains import load_all
from app.extensions import db
from tests import ordering
from tests.databases import TEMPLATES, migrated_app, undone
from tests.people import PEOPLE, Person, force_login

# What is loaded and collected stays until the end: to look for garbage in it takes seconds, and
# so does looking for it as often as Python does while so little of what a request makes is left.
gc.disable()
gc.set_threshold(20_000, 20, 20)
if os.environ.get("PADRON_TEST_SAMPLE_ROOM"):
    # The room of tests/sample_room: its contract tests are those of every room.
    import tests.sample.room  # noqa: F401
# Tests are parametrised over views, tabs and other plugs, so these come first.
load_all()


def pytest_addoption(parser):
    parser.addoption(
        "--in-order", action="store_true", help="run the tests in the order of the files"
    )


def pytest_report_header(config):
    return ordering.header(config)


def pytest_generate_tests(metafunc):
    marks = metafunc.definition.iter_markers("parametrize")
    if "database" in metafunc.fixturenames and not any(m.args[0] == "database" for m in marks):
        databases = ordering.databases_of(metafunc)
        metafunc.parametrize("database", databases, indirect=True, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    items[:] = ordering.sampled(config, items)
    if not config.option.in_order:
        items[:] = ordering.shuffled(items)


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ordering.UnitScheduling(config, log) if config.option.dist == "load" else None


def pytest_sessionfinish():
    TEMPLATES.close()


@pytest.fixture(scope="session")
def database(request) -> str:
    """Name the database of the test: each in turn, by pytest_generate_tests."""
    return request.param


@pytest.fixture(scope="session")
def _apps(tmp_path_factory):
    """Give one application for each database, with people in it, for the whole run."""
    made: dict[str, Flask] = {}
    with ExitStack() as stack:

        def app_over(database: str) -> Flask:
            if database not in made:
                folder = tmp_path_factory.mktemp("data")
                made[database] = stack.enter_context(
                    migrated_app(database, folder, with_people=True)
                )
            return made[database]

        yield app_over


@pytest.fixture(scope="session")
def app(database, _apps) -> Flask:
    """Give the application of the whole run over each database."""
    return _apps(database)


@pytest.fixture
def connection(app):
    """Everything a test writes, commits included, goes through here and is undone."""
    with app.app_context(), undone() as connection:
        yield connection
        if SlotField.all():
            # The process has the custom fields of the test, the database no longer.
            loading.forget_all()


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
            force_login(browser, person.user.id)
        return browser

    return open_browser


@pytest.fixture(params=PEOPLE, ids=lambda person: person.name)
def person(request) -> Person:
    """Give each of the persons in turn."""
    return request.param


@event.listens_for(Engine, "before_cursor_execute")
def _looking_writes_nothing(connection, cursor, statement, parameters, context, many):
    """Refuse a write during a GET, on both databases; SQLite refuses it outside of tests."""
    if has_request_context() and request.method in ("GET", "HEAD") and is_read_only():
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
