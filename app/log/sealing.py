"""Seal the log: a chain of digests over chunks of it, made while others go on writing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Text, cast, func, insert, select, text, type_coerce
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import reading
from app.log.models import LogEntry, LogSeal
from app.types import now

# DigestBuilder of the log that one seal covers at most.
CHUNK = 5_000
# Entries counted at most that are not sealed yet.
MAX_UNSEALED_COUNT = 10_000
# Seconds between two looks at whether a writer has finished.
POLL_SECONDS = 0.05

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr).encode


class DigestBuilder:
    """The digest of rows given one after the other, each as canonical JSON.

    A row is written with all its columns that hold something, so that a column added later
    leaves the seals of before as they are.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.count = 0
        self.first_id: int | None = None
        self.last_id: int | None = None

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in what ``rows_between`` gave."""
        for row in rows:
            filled = {
                name: _value(name, value)
                for name, value in zip(COLUMNS, row, strict=True)
                if value is not None
            }
            self._hash.update(_canonical(filled).encode() + b"\n")
            self.count += 1
            self.first_id = row[0] if self.first_id is None else self.first_id
            self.last_id = row[0]

    def digest(self) -> str:
        """Return the digest of what was taken in so far."""
        return self._hash.hexdigest()


COLUMNS = tuple(column.name for column in LogEntry.__table__.columns)


def _value(name: str, value: Any) -> Any:
    if name == "at" and isinstance(value, str):
        return value.replace(" ", "T")
    if name == "changes":
        try:
            return json.loads(value, parse_float=_number)
        except (TypeError, ValueError, RecursionError):
            return {"unreadable": repr(value)}
    return value


def _number(written: str) -> int | float:
    """Read 1.0 and 1 as the same number, which they are to PostgreSQL's JSON."""
    number = float(written)
    return int(number) if number.is_integer() else number


def rows_between(session: Session, after: int | None, upto: int) -> Sequence[Sequence[Any]]:
    """Return the first rows after one id and up to another, as the database wrote them."""
    is_postgres = session.get_bind().dialect.name == "postgresql"
    columns: list[Any] = []
    for column in LogEntry.__table__.columns:
        if column.name == "at":
            moment = func.to_char(column, text("'YYYY-MM-DD\"T\"HH24:MI:SS.US'"))
            columns.append(moment if is_postgres else type_coerce(column, Text))
        elif column.name == "changes":
            columns.append(cast(column, Text))
        else:
            columns.append(column)
    query = select(*columns).where(LogEntry.id <= upto).order_by(LogEntry.id).limit(CHUNK)
    if after is not None:
        query = query.where(LogEntry.id > after)
    return session.execute(query).all()


def seal_digest(
    number: int,
    previous: str,
    first_id: int | None,
    last_id: int | None,
    count: int,
    at: datetime,
    rows: str,
) -> str:
    """Return the digest of a seal: of itself, of its rows and of the seal before it."""
    link = [number, previous, first_id, last_id, count, at.isoformat(timespec="microseconds")]
    return hashlib.sha256(_canonical([*link, rows]).encode()).hexdigest()


def last_seal(session: Session) -> LogSeal | None:
    """Return the newest seal."""
    return session.scalar(select(LogSeal).order_by(LogSeal.id.desc()).limit(1))


@dataclass(frozen=True)
class SealedRange:
    """How far the seals reach: the last entry sealed, when it was written, and what came after.

    ``unsealed`` counts ``MAX_UNSEALED_COUNT`` entries at most.
    """

    last_id: int | None
    at: datetime | None
    unsealed: int


def get_sealed_range(session: Session) -> SealedRange:
    """Return how far the log is sealed, in one statement."""
    sealed = select(func.coalesce(func.max(LogSeal.last_id), 0)).scalar_subquery()
    newer = select(LogEntry.id).where(LogEntry.id > sealed).limit(MAX_UNSEALED_COUNT).subquery()
    last_id, at, unsealed = session.execute(
        select(
            sealed,
            select(LogEntry.at).where(LogEntry.id == sealed).scalar_subquery(),
            select(func.count()).select_from(newer).scalar_subquery(),
        )
    ).one()
    return SealedRange(last_id or None, at, unsealed)


def seals_after(session: Session, number: int, limit: int = 500) -> Iterator[LogSeal]:
    """Yield the seals after one, oldest first, without holding more than a few."""
    while True:
        found = session.scalars(
            select(LogSeal).where(LogSeal.id > number).order_by(LogSeal.id).limit(limit)
        ).all()
        if not found:
            return
        for seal in found:
            number = seal.id
            yield seal
            session.expunge(seal)


@dataclass(frozen=True)
class Horizon:
    """An id handed out already, and the writers that may still bring in a lower one."""

    last_id: int
    writers: frozenset[str] = frozenset()


def look(session: Session) -> Horizon:
    """Note how far the log reaches now.

    On SQLite writers take turns, so what is seen is complete. On PostgreSQL ids are handed out
    before they are committed, in any order. Whoever has been given one holds, from before that
    until they commit, the lock that every INSERT takes on the table: those who hold it after
    the last id was read are all who may still bring in that id or a lower one.
    """
    if session.get_bind().dialect.name != "postgresql":
        return Horizon(session.scalar(select(func.max(LogEntry.id))) or 0)
    last = text("SELECT pg_sequence_last_value(pg_get_serial_sequence('log_entry', 'id'))")
    return Horizon(session.scalar(last) or 0, writers(session))


def writers(session: Session) -> frozenset[str]:
    """Return the transactions of others that may have written to the log, on PostgreSQL."""
    return frozenset(
        session.scalars(
            text(
                "SELECT virtualtransaction FROM pg_locks"
                " JOIN pg_database ON pg_database.oid = pg_locks.database"
                " WHERE locktype = 'relation' AND relation = 'log_entry'::regclass"
                " AND datname = current_database() AND mode = 'RowExclusiveLock' AND granted"
                " AND pid IS DISTINCT FROM pg_backend_pid()"
            )
        )
    )


@dataclass
class Sealer:
    """Seals the log in passes; a writer that takes long puts a pass off and is not waited for.

    What is waited for is remembered from pass to pass, so that writers who overlap without end
    cannot keep the log from being sealed.
    """

    pending: Horizon | None = field(default=None)

    def run(
        self, session: Session, wait: float = 0.0, stops: Callable[[], bool] = lambda: False
    ) -> int:
        """Seal what is complete; return how many entries. Commits after every chunk.

        ``wait`` is how many seconds at most to wait for writers; ``stops`` says between two
        chunks that it is enough.
        """
        until = monotonic() + wait
        # What an earlier pass waited for first, then what has come since.
        sealed = self._seal(session, until, stops) if self.pending else 0
        return sealed + (0 if self.pending else self._seal(session, until, stops))

    def _seal(self, session: Session, until: float, stops: Callable[[], bool]) -> int:
        with reading():
            horizon = self.pending or look(session)
            while left := horizon.writers and horizon.writers & writers(session):
                if monotonic() >= until:
                    self.pending = Horizon(horizon.last_id, left)
                    session.commit()
                    return 0
                sleep(POLL_SECONDS)
            session.commit()
        self.pending = None
        sealed = 0
        while not stops() and (count := _seal_chunk(session, horizon.last_id)):
            sealed += count
        return sealed


def _seal_chunk(session: Session, upto: int) -> int:
    """Seal the next rows; the only write is the seal itself."""
    rows = DigestBuilder()
    with reading():
        last = last_seal(session)
        number, previous, after = (last.id, last.digest, last.last_id) if last else (0, "", None)
        rows.add(rows_between(session, after, upto))
        session.commit()
    if not rows.count:
        return 0
    number, at = number + 1, now()
    seal = {
        "id": number,
        "first_id": rows.first_id,
        "last_id": rows.last_id,
        "count": rows.count,
        "at": at,
        "digest": seal_digest(
            number, previous, rows.first_id, rows.last_id, rows.count, at, rows.digest()
        ),
    }
    try:
        session.execute(insert(LogSeal), [seal])
        session.commit()
    except IntegrityError:
        # Another host sealed these rows at the same moment.
        session.rollback()
        return 0
    return rows.count
