"""Flask extensions, created once and bound to the application by the factory."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from time import monotonic
from typing import Any

from flask import has_request_context, request
from flask_appbuilder import Model
from flask_mail import Mail
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import Engine, Table, event
from sqlalchemy.exc import DisconnectionError

from app.text import fold

# Alembic can only drop what has a name, so every constraint gets a predictable one.
# This must run before the first model is imported, FAB's own included.
Model.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# What Alembic calls the copy of a table that it alters on SQLite.
COPY = "_alembic_tmp_"


@event.listens_for(Table, "after_parent_attach")
def _give_numbers_once(table, metadata) -> None:
    """Let SQLite count on for ever, as PostgreSQL does.

    By itself it gives the number of the last row, once that is deleted, to the next one: whose
    log would then begin with the other's, and whom an operation would take for the other.
    """
    ours = metadata is Model.metadata or table.name.startswith(COPY)
    if ours and table.autoincrement_column is not None:
        table.dialect_options["sqlite"]["autoincrement"] = True


@event.listens_for(Table, "after_create")
def _count_on_in_a_copy(table, connection, **_more) -> None:
    """Let the copy of a table count on from where the table itself has got to."""
    if table.name.startswith(COPY) and table.dialect_options["sqlite"]["autoincrement"]:
        connection.exec_driver_sql(
            "INSERT INTO sqlite_sequence SELECT ?, seq FROM sqlite_sequence WHERE name = ?",
            (table.name, table.name.removeprefix(COPY)),
        )


class HouseSession(Session):
    """The session of a request, a command or a job."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        """Give whoever only reads PostgreSQL a connection without transactions.

        At PostgreSQL's usual isolation each statement sees its own moment, in a transaction or
        not; without one, a page saves two of its eight trips to the database.
        """
        bind = super().get_bind(*args, **kwargs)
        if isinstance(bind, Engine) and bind.dialect.name == "postgresql" and only_reads():
            return _without_transactions(bind)
        return bind


@lru_cache(maxsize=8)
def _without_transactions(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="AUTOCOMMIT")


csrf = CSRFProtect()
# ``create_savepoint`` lets the tests wrap everything, commits included, in one transaction
# that is rolled back at the end.
db = SQLAlchemy(
    model_class=Model,
    session_options={"join_transaction_mode": "create_savepoint", "class_": HouseSession},
)
migrate = Migrate()
mail = Mail()

# Seconds after which a connection is asked for a sign of life.
RESTED = 5.0

# None: it goes by the request.
_reading: ContextVar[bool | None] = ContextVar("reading", default=None)


@contextmanager
def reading():
    """Open transactions that only read, so that SQLite's write lock stays free."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


@contextmanager
def writing():
    """Open transactions that write, in a GET too: to count an attempt that was refused."""
    token = _reading.set(False)
    try:
        yield
    finally:
        _reading.reset(token)


class Writers:
    """Who takes SQLite's write lock in this process, for those who could leave it to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # How many threads wait for it at this moment.
        self.waiting = 0
        # When a thread got it last; there are never more of them than ran at the same time.
        self._latest: dict[int, float] = {}

    @contextmanager
    def one_more(self):
        """Count whoever waits inside the block, and note that it was their turn then."""
        with self._lock:
            self.waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self.waiting -= 1
                self._latest[threading.get_ident()] = monotonic()

    def are_there_others(self, seconds: float) -> bool:
        """Say whether another thread waits now, or wrote within so many seconds.

        To be asked by a thread that holds no lock and waits for none.
        """
        me, since = threading.get_ident(), monotonic() - seconds
        with self._lock:
            return self.waiting > 0 or any(
                moment > since for thread, moment in self._latest.items() if thread != me
            )


writers = Writers()


def only_reads() -> bool:
    """Say whether the transaction that begins now may change nothing."""
    told = _reading.get()
    if told is not None:
        return told
    return has_request_context() and request.method in ("GET", "HEAD", "OPTIONS")


@event.listens_for(Engine, "connect")
def _prepare_connection(connection, _record) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    # Stop the driver from starting transactions by itself: it does so too late (a SELECT runs
    # outside), and it breaks savepoints.
    connection.isolation_level = None
    connection.create_function("padron_fold", 1, _fold_or_none, deterministic=True)
    # Its own leaves Ñ and É as they are: two people could be called alike, and neither come in.
    connection.create_function("lower", 1, _lower_or_none, deterministic=True)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "busy_timeout=30000",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
        "temp_store=MEMORY",
        "mmap_size=268435456",
        "cache_size=-65536",
        "case_sensitive_like=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _fold_or_none(value):
    return None if value is None else fold(str(value))


def _lower_or_none(value):
    return None if value is None else str(value).lower()


@event.listens_for(Engine, "checkin")
def _note_moment(_connection, record) -> None:
    record.info["seen"] = monotonic()


@event.listens_for(Engine, "checkout")
def _ask_whether_it_lives(connection, record, _proxy) -> None:
    """Ask PostgreSQL for a sign of life on a connection that has rested for a while.

    To ask each time costs every page a trip to the database. A connection that fails in use is
    thrown away, and all others with it.
    """
    if (
        isinstance(connection, sqlite3.Connection)
        or monotonic() - record.info.get("seen", monotonic()) < RESTED
    ):
        return
    try:
        was = connection.autocommit
        connection.autocommit = True
        connection.execute("")
        connection.autocommit = was
    except Exception:
        # Whatever it says, the connection is of no use: the pool makes another.
        raise DisconnectionError from None


@event.listens_for(Engine, "begin")
def _begin(connection) -> None:
    """Take SQLite's write lock at once for whoever may write.

    A deferred transaction that reads and then writes fails with SQLITE_BUSY_SNAPSHOT, which
    no timeout waits for; 37 % of them did in a measurement with eight writers.
    """
    if connection.dialect.name != "sqlite":
        return
    if only_reads():
        connection.exec_driver_sql("PRAGMA query_only=1")
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("PRAGMA query_only=0")
        with writers.one_more():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
