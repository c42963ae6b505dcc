"""Limit what one list may cost: its seconds, and how many slow ones a user loads at once."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from psycopg.errors import QueryCanceled
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, scoped_session

from app.errors import DomainError
from app.security.actor import Actor

MAX_SECONDS = 5.0
# How often SQLite looks at the clock, in instructions of its virtual machine.
INSTRUCTIONS = 10_000
MAX_SLOW_LISTS = 2


class TooSlow(DomainError):
    """A list took longer than the limit; a reader can narrow it down."""

    status: ClassVar[int] = 503
    title: ClassVar[Any] = _l("This list took too long to load")

    def __init__(self) -> None:
        super().__init__(
            _l("Narrow it down: remove a text filter, add another filter or change the sorting.")
        )


class TooManySlowLists(DomainError):
    """The user is loading as many slow lists as they may."""

    status: ClassVar[int] = 429
    title: ClassVar[Any] = _l("Other lists are still loading")

    def __init__(self) -> None:
        super().__init__(_l("Wait until your other lists have loaded, then try again."))


@contextmanager
def time_limit(session: Session | scoped_session) -> Iterator[None]:
    """Raise TooSlow if the statements inside the block take longer than ``MAX_SECONDS``.

    SQLite counts all of them together, PostgreSQL each.
    """
    driver = session.connection().connection.driver_connection
    limited = _limit_sqlite if isinstance(driver, sqlite3.Connection) else _limit_postgresql
    try:
        with limited(driver):
            yield
    except DBAPIError as error:
        if isinstance(error.orig, QueryCanceled) or str(error.orig) == "interrupted":
            session.rollback()
            raise TooSlow from None
        raise


@contextmanager
def _limit_sqlite(driver: Any) -> Iterator[None]:
    end = monotonic() + MAX_SECONDS
    driver.set_progress_handler(lambda: monotonic() > end, INSTRUCTIONS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _limit_postgresql(driver: Any) -> Iterator[None]:
    # In a transaction the setting ends with it; a failed transaction takes no statement.
    word = "SESSION" if driver.autocommit else "LOCAL"
    driver.execute(f"SET {word} statement_timeout = {max(int(MAX_SECONDS * 1000), 1)}")
    try:
        yield
    except BaseException:
        if driver.autocommit and not driver.closed:
            driver.execute("RESET statement_timeout")
        raise
    driver.execute(f"SET {word} statement_timeout TO DEFAULT")


_slow_lists: Counter[int | None] = Counter()
_lock = threading.Lock()


@contextmanager
def slow_list(actor: Actor) -> Iterator[None]:
    """Count the block among the slow lists of a user; raise TooManySlowLists if there are enough.

    Each process of the server counts for itself.
    """
    with _lock:
        if _slow_lists[actor.id] >= MAX_SLOW_LISTS:
            raise TooManySlowLists
        _slow_lists[actor.id] += 1
    try:
        yield
    finally:
        with _lock:
            _slow_lists[actor.id] -= 1
            if not _slow_lists[actor.id]:
                del _slow_lists[actor.id]
