"""How much a job does at a time, and how long it rests, so that people's pages stay quick.

On SQLite one writer at a time holds the whole database, and the others do not queue: each looks
again after naps of up to 100 ms (SQLite's own busy handler). A job that takes the lock back a
few milliseconds after it let it go is therefore nearly always there first. With eight writers,
chunks of 2,000 rows back to back let them wait 3.8 s in the middle; chunks of some 50 ms with
rests of 100 ms, longer than the longest nap, 2 ms. So a job rests that long as soon as anybody
else writes, and hardly at all while nobody does. PostgreSQL's writers wait for rows, not for
the database: there chunks are larger, for fewer trips, and a rest serves nobody.
"""

from __future__ import annotations

from time import monotonic, sleep

from sqlalchemy.orm import Session

from app.extensions import writers
from app.jobs.kinds import JobKind

SMALLEST = 10
# How long a chunk should take, in seconds: on SQLite and on PostgreSQL.
AIMS = (0.040, 0.400)
# Rests after a chunk, in seconds, while others write and while nobody does.
LONG_REST, SHORT_REST = 0.100, 0.005
# Whoever wrote within so many seconds may well write again.
LATELY = 2.0
# A lock that is free is got within less: longer means that somebody had it.
NOTICEABLE = 0.005


class Pace:
    """The size of the next chunk of one job, learnt from those before."""

    def __init__(self, kind: JobKind, dialect: str) -> None:
        self.is_sqlite = dialect == "sqlite"
        which = 0 if self.is_sqlite else 1
        self.aim = AIMS[which]
        self.largest = kind.largest_chunk
        self.size = self._between(kind.first_chunks[which])
        self._began = 0.0
        # When another process was last seen to have the lock.
        self._strangers_at = float("-inf")

    def begin(self, session: Session) -> None:
        """Open the transaction of a chunk, and measure from when it has the lock."""
        asked = monotonic()
        session.connection()
        self._began = monotonic()
        if self._began - asked > NOTICEABLE:
            self._strangers_at = self._began

    def end(self) -> None:
        """Choose the next size from how long this chunk took, commit included."""
        took = max(monotonic() - self._began, 0.0001)
        self.learn(took)

    def learn(self, took: float) -> None:
        """Choose the next size after a chunk of this one took so many seconds."""
        # Not by more than the half or the double: one slow disk says little about the next.
        factor = min(2.0, max(0.5, self.aim / took))
        self.size = self._between(round(self.size * factor))

    def _between(self, size: int) -> int:
        return min(max(size, SMALLEST), max(self.largest, SMALLEST))

    def rest(self) -> None:
        """Leave the database to others for a while."""
        if (seconds := self.rest_due()) > 0:
            sleep(seconds)

    def rest_due(self) -> float:
        """Return how many seconds to rest now."""
        if not self.is_sqlite:
            return 0.0
        strangers = monotonic() - self._strangers_at < LATELY
        return LONG_REST if strangers or writers.are_there_others(LATELY) else SHORT_REST
