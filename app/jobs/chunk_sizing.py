"""Choose how many rows a chunk has, and how long to pause after it, so that pages stay fast.

On SQLite one writer at a time locks the whole database. The threads of a process get the lock in the
order they asked for it (``app.write_lock``), so that whoever waits for a job waits for one chunk,
of some 40 ms; while nobody else writes, of 100 ms, since every chunk costs more than its rows.
Other processes do not queue: each tries again after sleeping up to 100 ms (SQLite's own busy
handler), and a job that takes the lock again a few milliseconds after it released it nearly always
wins. So it pauses that long as soon as another process is found to write.

On SQLite the size is learnt from the processor time of a chunk. The time by the clock also counts
how long the thread waited for the interpreter while other threads made pages: with many readers
chunks shrank to ten rows, and a job of 160,000 rows to some 36 rows a second. What matters to the
others is how long they wait for the lock, and that is measured: while they wait, but not too long,
the least size grows; when somebody waits too long, chunks are halved.

PostgreSQL locks rows, not the database: there chunks are larger, to save round trips, and no pause
is needed.
"""

from __future__ import annotations

from time import monotonic, sleep, thread_time

from sqlalchemy.orm import Session

from app.database import write_lock_monitor
from app.jobs.kinds import JobKind

MIN_CHUNK_SIZE = 10
# The duration a chunk should have: on SQLite, on PostgreSQL.
TARGET_CHUNK_SECONDS = (0.040, 0.400)
# On SQLite, while nothing else writes: whoever comes first waits longer once.
ALONE_CHUNK_SECONDS = 0.100
# The pause after a chunk, while other processes write and while none does.
LONG_PAUSE_SECONDS, SHORT_PAUSE_SECONDS = 0.100, 0.005
# Who wrote within this time may write again.
RECENT_WRITE_SECONDS = 2.0
# No other writer of this process should wait longer than this for the lock.
MAX_WAIT_SECONDS = 0.150
# How much the least size of a chunk grows with each one that nobody waited for too long.
FLOOR_GROWTH = 1.25


class ChunkSizer:
    """Adapt the chunk size of one job to how long its previous chunks took."""

    def __init__(self, kind: JobKind, dialect: str) -> None:
        self.is_sqlite = dialect == "sqlite"
        index = 0 if self.is_sqlite else 1
        self.target_seconds = TARGET_CHUNK_SECONDS[index]
        self.max_size = kind.max_chunk_size
        # The least size: it grows up to the initial one while others wait, but not too long.
        self.floor = MIN_CHUNK_SIZE
        self.size = self._clamp(kind.initial_chunk_sizes[index])
        self.max_floor = max(self.size, MIN_CHUNK_SIZE)
        self._began_at = 0.0
        # When another thread of this process was last found to write.
        self._beside_at = monotonic()

    def begin(self, session: Session) -> None:
        """Open the transaction of a chunk; time it from the moment it has the lock."""
        session.connection()
        self._began_at = self._clock()

    def _clock(self) -> float:
        # PostgreSQL does the work in a process of its own, whose processor time is not ours.
        return thread_time() if self.is_sqlite else monotonic()

    def end(self) -> None:
        """Choose the next chunk size from how long this chunk took, commit included."""
        seconds = max(self._clock() - self._began_at, 0.0001)
        self.adjust(seconds, write_lock_monitor.take_longest_wait() if self.is_sqlite else 0.0)

    def adjust(self, seconds: float, longest_wait: float = 0.0) -> None:
        """Choose the next size after a chunk of ``seconds``, for which others waited so long."""
        if longest_wait > 0:
            self._beside_at = monotonic()
        # At most halve or double it: one slow write says little about the next one.
        factor = min(2.0, max(0.5, self._target() / seconds))
        if longest_wait > MAX_WAIT_SECONDS:
            self.floor, factor = MIN_CHUNK_SIZE, 0.5
        elif seconds > MAX_WAIT_SECONDS:
            # Even alone on the machine it would keep the lock for too long.
            self.floor = MIN_CHUNK_SIZE
        elif longest_wait > 0 and not self._is_contended():
            self.floor = min(round(self.floor * FLOOR_GROWTH), self.max_floor)
        self.size = self._clamp(round(self.size * factor))

    def _target(self) -> float:
        """Return how long the next chunk should take, in seconds."""
        is_alone = monotonic() - self._beside_at > RECENT_WRITE_SECONDS
        if self.is_sqlite and is_alone and not self._is_contended():
            return ALONE_CHUNK_SECONDS
        return self.target_seconds

    def _clamp(self, size: int) -> int:
        return min(max(size, self.floor), max(self.max_size, MIN_CHUNK_SIZE))

    def pause(self) -> None:
        """Sleep between two chunks, so that other writers get the lock."""
        if (seconds := self.pause_seconds()) > 0:
            sleep(seconds)

    def pause_seconds(self) -> float:
        """Return how long to pause now, in seconds."""
        if not self.is_sqlite:
            return 0.0
        return LONG_PAUSE_SECONDS if self._is_contended() else SHORT_PAUSE_SECONDS

    def _is_contended(self) -> bool:
        """Return True if another process took the lock lately; how long it waits is not known."""
        return write_lock_monitor.has_other_processes(RECENT_WRITE_SECONDS)
