"""The two databases of the tests: made once by the migrations, then copied for each use."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder import Model
from flask_migrate import upgrade
from flask_sqlalchemy.session import Session
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Connection, inspect, text

from app import create_app
from app.extensions import db
from app.search.models import searchables
from app.search.schema import index_statements
from config import settings
from tests.people import seed_people
from tests.shared import FOLDER, is_owner, only_one

SERVER = os.environ.get(
    "PADRON_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
BOTH = ("sqlite", "postgres")
# What a process can declare besides the program; its databases are not those of the others.
DECLARED = ("SAMPLE_ROOM", "ADDED_FIELDS")
# Templates of pages, compiled once in a run.
COMPILED = FileSystemBytecodeCache(str(FOLDER))
# Before PostgreSQL drops a database it writes all others to disk; nobody has to wait for that.
_background = ThreadPoolExecutor(1, thread_name_prefix="drop-databases")
_drops: list[Future] = []


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """Give the address of an empty database, gone when the block ends."""
    with _made(kind, folder) as url:
        yield url


@contextmanager
def _made(kind: str, folder: Path, template: str = "") -> Iterator[str]:
    """Make a database, empty or as a copy; give its address; drop it when the block ends."""
    url = create_database(kind, folder, template)
    try:
        yield url
    finally:
        if kind != "sqlite":
            _drops.append(_background.submit(drop_database, url))


def create_database(kind: str, folder: Path, template: str = "") -> str:
    """Make a database, empty or as a copy of another; return its address."""
    name = f"padron_test_{secrets.token_hex(6)}"
    if kind == "sqlite":
        file = folder / f"{name}.sqlite3"
        if template:
            shutil.copyfile(template.removeprefix("sqlite:///"), file)
        return f"sqlite:///{file}"
    source = f'TEMPLATE "{template.rpartition("/")[2]}"' if template else ""
    _ask_server(
        f'CREATE DATABASE "{name}" {source}',
        # A commit survives the death of a process all the same, if not that of the server.
        f'ALTER DATABASE "{name}" SET synchronous_commit = off',
    )
    return f"{SERVER.rpartition('/')[0]}/{name}"


def drop_database(url: str) -> None:
    """Drop a database of PostgreSQL."""
    _ask_server(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)')


def _ask_server(*statements: str) -> None:
    """Run statements on the server of PostgreSQL, outside of any transaction."""
    try:
        server = psycopg.connect(SERVER, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        sentence = f"PostgreSQL does not answer at PADRON_TEST_POSTGRES_URL: {error}"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    with server:
        for statement in statements:
            server.execute(statement)


def _make_missing_tables() -> None:
    """Make the tables of the sample room, which no migration makes."""
    made = inspect(db.engine).get_table_names()
    Model.metadata.create_all(db.engine)
    for model in searchables():
        if model.search_table.name not in made:
            for statement in index_statements(model.__tablename__, db.engine.dialect.name):
                db.session.execute(text(statement))
    db.session.commit()


class Templates:
    """Databases to be copied, each made by the migrations once in a run, by who needs it first."""

    def __init__(self) -> None:
        self._urls: dict[str, str] = {}

    def url(self, kind: str, with_people: bool) -> str:
        """Return the address of a database with all tables, perhaps with people in them."""
        more = [name.lower() for name in DECLARED if os.environ.get(f"PADRON_TEST_{name}")]
        name = "-".join([kind, *["people"] * with_people, *more])
        if name not in self._urls:
            with only_one(name) as file:
                if not file.exists():
                    folder = FOLDER / f"{name}.data"
                    folder.mkdir(exist_ok=True)
                    file.write_text(self._make(kind, with_people, folder))
                self._urls[name] = file.read_text()
        return self._urls[name]

    def _make(self, kind: str, with_people: bool, folder: Path) -> str:
        url = create_database(kind, folder, self.url(kind, False) if with_people else "")
        app = make_app(url, folder)
        with app.app_context():
            if with_people:
                seed_people(app.appbuilder.grants())
            else:
                upgrade()
                if os.environ.get("PADRON_TEST_SAMPLE_ROOM"):
                    _make_missing_tables()
            db.session.remove()
            # The last connection that is closed takes SQLite's -wal with it.
            db.engine.dispose()
        return url

    def close(self) -> None:
        """Wait for whatever is being dropped; at the end of the run drop them too."""
        self._urls.clear()
        if is_owner():
            for file in FOLDER.glob("postgres*"):
                if not file.suffix:
                    drop_database(file.read_text())
                    file.unlink()
        while _drops:
            _drops.pop().result()


TEMPLATES = Templates()
atexit.register(TEMPLATES.close)


def somebody_waits() -> bool:
    """Tell whether somebody waits for a lock in this very database of PostgreSQL.

    Each question has a transaction of its own: within one, PostgreSQL repeats its first answer.
    """
    with db.engine.connect() as connection:
        return bool(
            connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )
        )


@contextmanager
def undone() -> Iterator[Connection]:
    """Give the connection everything is then written through, and undo it all at the end."""
    with db.engine.connect() as connection, connection.begin() as work:
        with patch.object(Session, "get_bind", lambda self, *args, **kwargs: connection):
            yield connection
            db.session.remove()
        work.rollback()


class Browser(FlaskClient):
    """A client whose requests are as apart from the test as they are in life.

    Each gets an application context, and so a session and a ``g``, of its own: Flask's client
    would reuse the test's, and with it the actor of the request before.
    """

    def open(self, *args, **kwargs):
        db.session.commit()
        with self.application.app_context():
            return super().open(*args, **kwargs)


def make_app(url: str, folder: Path, **more) -> Flask:
    """Build the application over a database, with settings fit for tests."""
    config = settings(
        {
            "PADRON_DATA_DIR": str(folder),
            "PADRON_DATABASE_URL": url,
            "PADRON_SECRET_KEY": "only for the tests, thirty-two characters",
            "PADRON_ORGANISATION": "Federación",
        }
    )
    # Hashing is slow on purpose; the tests sign in often. Jobs are run by whoever tests them.
    cheap = {
        "FAB_PASSWORD_HASH_METHOD": "pbkdf2:sha256:1",
        "WTF_CSRF_ENABLED": False,
        "JOB_QUEUE_ENABLED": False,
    }
    app = create_app(config | cheap | {"TESTING": True} | more)
    app.test_client_class = Browser
    app.jinja_env.bytecode_cache = COMPILED
    return app


@contextmanager
def migrated_app(kind: str, folder: Path, *, with_people: bool = False, **more) -> Iterator[Flask]:
    """Give an application over a database of its own with all tables, perhaps with people too."""
    with _made(kind, folder, TEMPLATES.url(kind, with_people)) as url:
        app = make_app(url, folder, **more)
        yield app
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
