"""Set a damaged file of the SQLite job queue aside, so that the program starts all the same.

The file holds nothing but messages that name jobs; jobs without a message are requeued.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

logger = logging.getLogger(__name__)

# SQLite's names for a file that is none of its own, is broken or cannot be opened or written. A
# lock or a full disk is not among them: that passes.
_DAMAGE = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")
# A mistake in SQL: the file is a database, but not of a queue.
_OTHER_TABLES = "SQLITE_ERROR"


def set_aside_if_damaged(path: Path) -> None:
    """Rename the file, its ``-wal`` and its ``-shm`` if they cannot be used, and log it."""
    if not path.exists():
        return
    with _only_one_process(path.parent):
        damage = _find_damage(path)
        if damage is None:
            return
        other = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
        for suffix in ("", "-wal", "-shm"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                source.rename(other.with_name(other.name + suffix))
    logger.error(
        "The file %s of the job queue cannot be used (%s). It is now called %s, and a new one is "
        "made. No job is lost.",
        path.name,
        damage,
        other.name,
    )


@contextmanager
def _only_one_process(folder: Path) -> Iterator[None]:
    """Keep another process from setting aside the file that this one makes anew."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _find_damage(path: Path) -> str | None:
    """Return what is wrong with a file, or None."""
    try:
        with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
            [(found,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
            if found != "ok":
                return "SQLITE_CORRUPT"
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'task'").fetchone():
                connection.execute("SELECT id, queue, data, priority FROM task LIMIT 1")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        return name if name.startswith(_DAMAGE) or name == _OTHER_TABLES else None
    return None
