"""Keep personal data out of the program's log, and give each logged error a reference number.

The text of an exception often holds what somebody typed: PostgreSQL quotes the row it refuses.
So a log record names the class of an error, its SQLSTATE and the constraint, and never its text.
"""

from __future__ import annotations

import logging
import re
import secrets
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError


class CodeError(Exception):
    """The program breaks a rule of its own; the text holds no data, so that the log quotes it."""


# Without characters that look alike: people read a reference aloud.
_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
# The texts of these errors name parts of the code.
_ERRORS_ABOUT_CODE = (
    AttributeError,
    CodeError,
    ImportError,
    NameError,
    NotImplementedError,
    TypeError,
)
_SQLITE_CONSTRAINT = re.compile(r"(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed[\w., :]*")
# An error of the database that comes back within this time is counted, not logged again.
QUIET_SECONDS = 60.0


def describe(error: BaseException) -> str:
    """Return the class of an error and what else is known of it without quoting any value."""
    details = [str(detail) for detail in _details(error) if detail]
    name = type(error).__name__
    return f"{name} ({' '.join(details)})" if details else name


def _details(error: BaseException) -> Iterator[Any]:
    if isinstance(error, DBAPIError):
        yield describe(error.orig) if error.orig is not None else None
    elif isinstance(error, sqlite3.Error):
        yield getattr(error, "sqlite_errorname", None)
        found = _SQLITE_CONSTRAINT.fullmatch(str(error))
        yield found and found[0]
    elif diagnosis := getattr(error, "diag", None):
        yield getattr(error, "sqlstate", None)
        yield diagnosis.constraint_name
        if is_connection_error(error):
            # Which server does not answer, and why.
            yield " ".join(str(error).split())[:200]
    elif isinstance(error, OSError):
        yield error.strerror
    elif isinstance(error, _ERRORS_ABOUT_CODE):
        yield str(error)
    elif isinstance(code := getattr(error, "smtp_code", None), int):
        yield code


def is_connection_error(error: BaseException) -> bool:
    """Return True for an error of the connection to PostgreSQL rather than of a statement."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if type(original).__module__.partition(".")[0] != "psycopg":
        return False
    state = getattr(original, "sqlstate", None)
    return type(original).__name__ == "OperationalError" if state is None else state[:2] == "57"


def is_outage(error: BaseException) -> bool:
    """Return True if the database failed rather than the program that asked it."""
    if not isinstance(error, OperationalError):
        return False
    # SQLite's driver also raises this class for SQL with a mistake in it.
    return getattr(error.orig, "sqlite_errorname", None) != "SQLITE_ERROR"


def format_error(error: BaseException) -> str:
    """Return a traceback in which the errors are described instead of quoted."""
    parts: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        lines = "".join(traceback.format_tb(link.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{lines}{describe(link)}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\n\nAfter this error another one occurred:\n\n".join(reversed(parts))


def hide_values() -> None:
    """Make all log records of this process describe errors instead of quoting them."""
    create = logging.getLogRecordFactory()
    if getattr(create, "hides_values", False):
        return

    def create_without_values(*args, **kwargs) -> logging.LogRecord:
        record = create(*args, **kwargs)
        if isinstance(record.msg, BaseException):
            record.msg, record.args = describe(record.msg), None
        if isinstance(record.args, tuple):
            record.args = tuple(map(_without_values, record.args))
        elif isinstance(record.args, dict):
            record.args = {key: _without_values(value) for key, value in record.args.items()}
        if record.exc_info and record.exc_info[1] is not None:
            # Formatters use this text instead of formatting the error themselves.
            record.exc_text = format_error(record.exc_info[1])
        return record

    create_without_values.hides_values = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(create_without_values)


def _without_values(argument: object) -> object:
    return describe(argument) if isinstance(argument, BaseException) else argument


def configure_logging() -> None:
    """Log to standard error, with the time and the process; errors that end a thread too."""
    logging.basicConfig(
        format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    threading.excepthook = _log_end_of_thread


def _log_end_of_thread(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None and not isinstance(failure.exc_value, SystemExit):
        name = failure.thread.name if failure.thread is not None else "?"
        logging.getLogger(__name__).error(
            "The thread %s ended with an error.", name, exc_info=failure.exc_value
        )


def log_error(logger: logging.Logger, error: BaseException, message: str, *args: object) -> str:
    """Log an error with its traceback; return the reference number for the person it concerns."""
    reference = "".join(secrets.choice(_ALPHABET) for _each in range(6))
    logger.error(f"Error %s: {message}", reference, *args, exc_info=error)
    return reference


@dataclass
class _Failure:
    is_of_connection: bool
    began_at: float
    last_at: float
    count: int = 1


class OutageLog:
    """Log an outage of the database in one line, however many requests fail during it."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Description of the error → how often it has occurred.
        self._failures: dict[str, _Failure] = {}

    def add(self, logger: logging.Logger, error: BaseException) -> None:
        """Count an error of the database; log it unless it occurred a moment ago."""
        moment, description = self._clock(), describe(error)
        with self._lock:
            failure = self._failures.get(description)
            if failure is not None and moment - failure.last_at < QUIET_SECONDS:
                failure.count += 1
                failure.last_at = moment
                return
            self._failures[description] = _Failure(is_connection_error(error), moment, moment)
        logger.error("The database failed: %s. The same error is not logged again.", description)

    def note_connection(self) -> None:
        """Log the end of an outage, once a connection to the database was made again."""
        if not self._failures:
            return
        with self._lock:
            ended = [name for name, it in self._failures.items() if it.is_of_connection]
            failures = [self._failures.pop(name) for name in ended]
        if failures:
            seconds = self._clock() - min(failure.began_at for failure in failures)
            logging.getLogger(__name__).warning(
                "The database answers again after %.0f s; %d attempts failed.",
                seconds,
                sum(failure.count for failure in failures),
            )


outages = OutageLog()
