"""The two databases every test runs on, made new for each run and thrown away after it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, text

from app import create_app
from app.extensions import db
from config import settings

SERVER = os.environ.get(
    "PADRON_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
BOTH = ("sqlite", "postgres")


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """Give the address of an empty database, gone when the block ends."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / f'{secrets.token_hex(4)}.sqlite3'}"
        return
    name = f"padron_test_{secrets.token_hex(6)}"
    try:
        server = psycopg.connect(SERVER, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        sentence = f"PostgreSQL does not answer at PADRON_TEST_POSTGRES_URL: {error}"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{SERVER.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    server.close()


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
    return app


@contextmanager
def migrated_app(kind: str, folder: Path, **more) -> Iterator[Flask]:
    """Give an application over a new database with all its tables, made by the migrations."""
    with empty_database(kind, folder) as url:
        app = make_app(url, folder, **more)
        with app.app_context():
            upgrade()
        yield app
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
