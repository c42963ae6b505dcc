"""SQLite's write lock: the threads of a process get it in the order they asked for it.

SQLite itself has no order: who finds the lock taken tries again after sleeping up to 100 ms, and
whoever takes it often, such as a job, nearly always wins. So the connections of one process stand
in line for it before they ask SQLite, which then only sees what other processes do.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from weakref import WeakValueDictionary

# How long a writer waits for the others of this process, and then for other processes.
MAX_WAIT_SECONDS = 30


class WriterLine:
    """The connections of this process that want to write to one database."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def enter(self, seconds: float) -> bool:
        """Wait for one's turn; return False if it did not come within this time."""
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        has_turn = False
        try:
            has_turn = turn.acquire(timeout=seconds)
        finally:
            if not has_turn:
                has_turn = self._give_up(turn)
        return has_turn

    def _give_up(self, turn: threading.Lock) -> bool:
        """Leave the line; return True if the turn came at this moment."""
        with self._mutex:
            if turn not in self._waiting:
                return True
            self._waiting.remove(turn)
            return False

    def leave(self) -> None:
        """End one's turn; the next one has it at once."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


_lines: WeakValueDictionary[str, WriterLine] = WeakValueDictionary()
_lines_mutex = threading.Lock()


def _line_of(database: str) -> WriterLine:
    """Return the line of a file; a database in memory belongs to one connection."""
    if database in ("", ":memory:"):
        return WriterLine()
    with _lines_mutex:
        line = _lines.get(database)
        if line is None:
            line = _lines[database] = WriterLine()
        return line


class WriterConnection(sqlite3.Connection):
    """A connection whose writing transactions stand in line."""

    def __init__(self, database, *args, **kwargs) -> None:
        super().__init__(database, *args, **kwargs)
        self._line = _line_of(str(database))
        # Whether it has its turn: from the beginning of a transaction to its end.
        self.has_turn = False

    def begin_at_once(self) -> bool:
        """Wait for one's turn and begin a transaction that has the write lock.

        Return False, without a transaction, if another process has it: SQLite is to wait for it.
        """
        self.has_turn = self._line.enter(MAX_WAIT_SECONDS)
        self.execute("PRAGMA busy_timeout=0")
        try:
            self.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                self._end_turn()
                raise
            return False
        finally:
            self.execute(f"PRAGMA busy_timeout={MAX_WAIT_SECONDS * 1000}")
        return True

    def _end_turn(self) -> None:
        if self.has_turn:
            self.has_turn = False
            self._line.leave()

    def commit(self) -> None:
        """Commit, and let the next one write."""
        super().commit()
        # A commit that fails leaves the transaction open, until the rollback.
        self._end_turn()

    def rollback(self) -> None:
        """Roll back, and let the next one write."""
        try:
            super().rollback()
        finally:
            self._end_turn()

    def close(self) -> None:
        """Close, and let the next one write."""
        try:
            super().close()
        finally:
            self._end_turn()

    def __del__(self) -> None:
        # A connection that was dropped rather than closed. If it was never opened it has no turn.
        if getattr(self, "has_turn", False):
            self._end_turn()
