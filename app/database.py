"""Configure the database connections: transactions, locks, naming, SQLite's settings."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from time import monotonic
from typing import Any

from flask import has_request_context, request
from flask_appbuilder import Model
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, Engine, Table, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session as PlainSession

from app.logs import outages
from app.text import fold
from app.write_lock import MAX_WAIT_SECONDS, WriterConnection

# Alembic can only drop what has a name, so every constraint gets a predictable one.
# This must run before the first model is imported, FAB's own included.
Model.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# Prefix of the copy that Alembic makes of a table to alter it on SQLite.
_COPY_PREFIX = "_alembic_tmp_"


@event.listens_for(Table, "after_parent_attach")
def _enable_autoincrement(table, metadata) -> None:
    """Keep SQLite from reusing ids, as PostgreSQL does not.

    Without AUTOINCREMENT the id of a deleted last row goes to the next one, whose log would then
    begin with that of the deleted row, and which an operation would take for it.
    """
    is_own_table = metadata is Model.metadata or table.name.startswith(_COPY_PREFIX)
    if is_own_table and table.autoincrement_column is not None:
        table.dialect_options["sqlite"]["autoincrement"] = True


@event.listens_for(Table, "after_create")
def _copy_sequence(table, connection, **_kwargs) -> None:
    """Continue the ids of a table in the copy that Alembic makes of it."""
    if table.name.startswith(_COPY_PREFIX) and table.dialect_options["sqlite"]["autoincrement"]:
        connection.exec_driver_sql(
            "INSERT INTO sqlite_sequence SELECT ?, seq FROM sqlite_sequence WHERE name = ?",
            (table.name, table.name.removeprefix(_COPY_PREFIX)),
        )


class RoutingSession(Session):
    """The session of a request, a command or a job; it chooses the engine by access mode."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        """Return an engine in autocommit mode for read-only work on PostgreSQL.

        At READ COMMITTED each statement has its own snapshot, in a transaction or not. Without
        a transaction a page saves two of its eight round trips.
        """
        bind = super().get_bind(*args, **kwargs)
        if isinstance(bind, Engine) and bind.dialect.name == "postgresql" and is_read_only():
            return _autocommit_engine(bind)
        return bind


@lru_cache(maxsize=8)
def _autocommit_engine(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="AUTOCOMMIT")


# A connection that was idle longer than this is pinged before use.
PING_AFTER_IDLE_SECONDS = 5.0

# None: the method of the request decides.
_read_only: ContextVar[bool | None] = ContextVar("read_only", default=None)


@contextmanager
def reading():
    """Open read-only transactions inside the block, which take no write lock on SQLite."""
    token = _read_only.set(True)
    try:
        yield
    finally:
        _read_only.reset(token)


@contextmanager
def writing():
    """Open writing transactions inside the block, in a GET too: to count a failed attempt."""
    token = _read_only.set(False)
    try:
        yield
    finally:
        _read_only.reset(token)


@contextmanager
def snapshot(session: Any) -> Iterator[Any]:
    """Give a session that sees the database, on PostgreSQL, as it is at its first statement.

    It has a connection of its own there, so that what it reads may take minutes. On SQLite, and
    over a connection that somebody else holds, it is the given session.
    """
    bind = session.get_bind()
    if not isinstance(bind, Engine) or bind.dialect.name != "postgresql":
        yield session
        return
    with bind.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with PlainSession(bind=connection) as reader:
            yield reader


# The execution option of a statement whose plan PostgreSQL keeps, whatever its parameters: one
# that finds rows by unique keys. To plan it takes several times as long as to run it.
KEEPS_PLAN = {"keeps_plan": True}


@event.listens_for(Engine, "before_cursor_execute")
def _choose_preparing(connection, _cursor, _statement, _parameters, context, many) -> None:
    """Have PostgreSQL plan each statement for its values, except those whose plan it keeps.

    Only a statement that the driver prepares has a plan to keep. A row that the session updates is
    found by its key, too.
    """
    if connection.dialect.name != "postgresql":
        return
    options = {} if context is None else context.execution_options
    # A mapper compiles once how it writes a row.
    is_row_update = "compiled_cache" in options and context.isupdate and not many
    is_kept = is_row_update or "keeps_plan" in options
    connection.connection.driver_connection.prepare_threshold = 0 if is_kept else None


class WriteLockMonitor:
    """Track the threads of this process that take SQLite's write lock.

    Background work asks it whether to yield the lock to others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # How many threads wait for the lock now.
        self.waiting = 0
        # Thread id → its longest wait for the lock since somebody asked. Ids are reused, so this
        # stays small.
        self._longest_waits: dict[int, float] = {}
        # When a thread last found that another process had the lock.
        self._contended_at = float("-inf")

    @contextmanager
    def acquiring(self):
        """Count the thread as waiting inside the block and record how long it waited."""
        own_id, requested_at = threading.get_ident(), monotonic()
        with self._lock:
            self.waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self.waiting -= 1
                waited = monotonic() - requested_at
                self._longest_waits[own_id] = max(waited, self._longest_waits.get(own_id, 0.0))

    def note_other_process(self) -> None:
        """Record that another process had the lock."""
        self._contended_at = monotonic()

    def has_other_processes(self, seconds: float) -> bool:
        """Return True if another process had the lock in the last ``seconds``."""
        return monotonic() - self._contended_at < seconds

    def take_longest_wait(self) -> float:
        """Return how long another thread waited at most since the last call, in seconds."""
        own_id = threading.get_ident()
        with self._lock:
            waits = [wait for thread, wait in self._longest_waits.items() if thread != own_id]
            self._longest_waits.clear()
        return max(waits, default=0.0)


write_lock_monitor = WriteLockMonitor()


def is_read_only() -> bool:
    """Return True if the transaction that begins now may not write."""
    explicit = _read_only.get()
    if explicit is not None:
        return explicit
    return has_request_context() and request.method in ("GET", "HEAD", "OPTIONS")


@event.listens_for(Engine, "do_connect")
def _connect_in_line(dialect, _record, _arguments, options) -> None:
    if dialect.name == "sqlite":
        options["factory"] = WriterConnection


@event.listens_for(Engine, "connect")
def _prepare_connection(connection, _record) -> None:
    if not isinstance(connection, sqlite3.Connection):
        outages.note_connection()
        return
    # Stop the driver from starting transactions by itself: it does so too late (a SELECT runs
    # outside), and it breaks savepoints.
    connection.isolation_level = None
    # A list may compare one text with several filters: it is folded once.
    folded = lru_cache(maxsize=256)(_fold_or_none)
    connection.create_function("padron_fold", 1, folded, deterministic=True)
    # SQLite's own lower() leaves Ñ and É as they are: two user names could differ in case only.
    connection.create_function("lower", 1, _lower_or_none, deterministic=True)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"busy_timeout={MAX_WAIT_SECONDS * 1000}",
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
def _record_checkin(_connection, record) -> None:
    record.info["checked_in_at"] = monotonic()


@event.listens_for(Engine, "checkout")
def _ping_idle_connection(connection, record, _proxy) -> None:
    """Ping a PostgreSQL connection that was idle for 5 s before use.

    A ping before every use (``pool_pre_ping``) costs each page a round trip. If a connection
    fails in use, SQLAlchemy discards it and all others of the pool.
    """
    if (
        isinstance(connection, sqlite3.Connection)
        or monotonic() - record.info.get("checked_in_at", monotonic()) < PING_AFTER_IDLE_SECONDS
    ):
        return
    try:
        autocommit = connection.autocommit
        connection.autocommit = True
        connection.execute("")
        connection.autocommit = autocommit
    except Exception:
        # Whatever the error, the connection is unusable: the pool opens another.
        raise DisconnectionError from None


@event.listens_for(Engine, "begin")
def _begin(connection) -> None:
    """Begin transactions that may write with SQLite's write lock (BEGIN IMMEDIATE).

    A deferred transaction that reads and then writes fails with SQLITE_BUSY_SNAPSHOT, which
    no timeout waits for; 37 % of them did in a measurement with eight writers.
    """
    if connection.dialect.name != "sqlite":
        return
    if is_read_only():
        connection.exec_driver_sql("PRAGMA query_only=1")
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("PRAGMA query_only=0")
        with write_lock_monitor.acquiring():
            raw = connection.connection.dbapi_connection
            if not raw.begin_at_once():
                write_lock_monitor.note_other_process()
                connection.exec_driver_sql("BEGIN IMMEDIATE")


def commit_and_keep(session: Session) -> None:
    """Commit; the rows of the session keep their values instead of being read again.

    For a page that then only names the row that it saved.
    """
    expires, session.expire_on_commit = session.expire_on_commit, False
    try:
        session.commit()
    finally:
        session.expire_on_commit = expires


@contextmanager
def connection_to_read(session: PlainSession) -> Iterator[Connection]:
    """Give the connection of the session's transaction, if there is one, else one to read with."""
    if session.in_transaction():
        yield session.connection()
        return
    with reading():
        bind = session.get_bind()
        if isinstance(bind, Connection):
            yield bind
        else:
            with bind.connect() as connection:
                yield connection
