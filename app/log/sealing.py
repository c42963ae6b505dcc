"""Seal the log: a chain of digests over chunks of entries, computed while others write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, sleep
from typing import Any

from sqlalchemy import case, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import reading
from app.log.digests import FORMAT, DigestBuilder, seal_digest, stored_columns
from app.log.models import LogEntry, LogSeal
from app.types import now

# A seal covers at most this many entries.
CHUNK_SIZE = 5_000
# Unsealed entries are counted up to this number.
MAX_UNSEALED_COUNT = 10_000
# Interval at which waiting for other transactions polls.
POLL_SECONDS = 0.05


def rows_between(session: Session, after: int | None, upto: int) -> Sequence[Sequence[Any]]:
    """Return the first CHUNK_SIZE rows with ``after`` < id ≤ ``upto``, as stored."""
    columns = stored_columns(session)
    query = select(*columns).where(LogEntry.id <= upto).order_by(LogEntry.id).limit(CHUNK_SIZE)
    if after is not None:
        query = query.where(LogEntry.id > after)
    return session.execute(query).all()


def last_seal(session: Session) -> LogSeal | None:
    """Return the newest seal."""
    return session.scalar(select(LogSeal).order_by(LogSeal.id.desc()).limit(1))


@dataclass(frozen=True)
class SealedRange:
    """The last sealed entry, when it was written, and how many entries are newer.

    ``unsealed`` counts at most ``MAX_UNSEALED_COUNT`` entries.
    """

    last_id: int | None
    at: datetime | None
    unsealed: int


def get_sealed_range(session: Session) -> SealedRange:
    """Return the sealed range of the log, in one statement."""
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


def is_sealed_anew(session: Session) -> bool:
    """Return True if seals of today's format cover all that seals of the one before cover."""
    old, new = session.execute(
        select(
            func.max(case((LogSeal.format != FORMAT, LogSeal.last_id))),
            func.max(case((LogSeal.format == FORMAT, LogSeal.last_id))),
        )
    ).one()
    return old is None or (new is not None and new >= old)


def seals_after(session: Session, number: int, limit: int = 500) -> Iterator[LogSeal]:
    """Yield the seals after number ``number``, oldest first, loading ``limit`` at a time."""
    while True:
        seals = session.scalars(
            select(LogSeal).where(LogSeal.id > number).order_by(LogSeal.id).limit(limit)
        ).all()
        if not seals:
            return
        for seal in seals:
            number = seal.id
            yield seal
            session.expunge(seal)


@dataclass(frozen=True)
class Horizon:
    """The last allocated id, and the transactions that may still commit a lower one."""

    last_id: int
    writers: frozenset[str] = frozenset()


def get_horizon(session: Session) -> Horizon:
    """Return the last allocated id and the open transactions that may have one.

    On SQLite writers take turns, so committed ids have no gaps. On PostgreSQL ids are allocated
    before they are committed, in any order. A transaction that has been allocated an id holds
    the table lock of INSERT from before that until it commits. So the transactions that hold
    it after the last id was read are all that may still commit that id or a lower one.
    """
    if session.get_bind().dialect.name != "postgresql":
        return Horizon(session.scalar(select(func.max(LogEntry.id))) or 0)
    last = text("SELECT pg_sequence_last_value(pg_get_serial_sequence('log_entry', 'id'))")
    return Horizon(session.scalar(last) or 0, writers(session))


def writers(session: Session) -> frozenset[str]:
    """Return the other open transactions that may have written to the log (PostgreSQL)."""
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
    """Seal the log in passes; a long transaction postpones a pass instead of blocking it.

    The horizon a pass waits for is kept for the next pass, so that overlapping transactions
    cannot keep the log from being sealed forever.
    """

    pending: Horizon | None = field(default=None)

    def run(
        self, session: Session, wait: float = 0.0, should_stop: Callable[[], bool] = lambda: False
    ) -> int:
        """Seal the entries that are complete; return how many. Commit after every chunk.

        ``wait`` is the maximum time in seconds to wait for open transactions; ``should_stop``
        is asked before every chunk.
        """
        deadline = monotonic() + wait
        # First the entries an earlier pass waited for, then those that are newer.
        sealed = self._seal(session, deadline, should_stop) if self.pending else 0
        return sealed + (0 if self.pending else self._seal(session, deadline, should_stop))

    def _seal(self, session: Session, deadline: float, should_stop: Callable[[], bool]) -> int:
        with reading():
            horizon = self.pending or get_horizon(session)
            while left := horizon.writers and horizon.writers & writers(session):
                if monotonic() >= deadline:
                    self.pending = Horizon(horizon.last_id, left)
                    session.commit()
                    return 0
                sleep(POLL_SECONDS)
            session.commit()
        self.pending = None
        sealed = 0
        while not should_stop() and (count := _seal_chunk(session, horizon.last_id)):
            sealed += count
        return sealed


def _seal_chunk(session: Session, upto: int) -> int:
    """Seal the next chunk of entries up to id ``upto``; return how many.

    Seals of the format before stay. The chain goes on after them, once more from the first entry.
    """
    rows = DigestBuilder()
    with reading():
        last = last_seal(session)
        number, previous = (last.id, last.digest) if last else (0, "")
        after = last.last_id if last and last.format == FORMAT else None
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
        "format": FORMAT,
        "digest": seal_digest(
            number, previous, rows.first_id, rows.last_id, rows.count, at, rows.digest()
        ),
    }
    try:
        session.execute(insert(LogSeal), [seal])
        session.commit()
    except IntegrityError:
        # Another host sealed the same entries at the same time.
        session.rollback()
        return 0
    return rows.count
