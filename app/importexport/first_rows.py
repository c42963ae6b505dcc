"""Remember which row of a file had a key first, without growing with the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Self

# What is kept in memory, in KiB; more goes to a file that SQLite deletes by itself.
_CACHE_KIB = 4096


class FirstRows:
    """The number of the first accepted row of a file for each key, which is a hash."""

    def __init__(self) -> None:
        # An empty name: a database of this connection alone.
        self.database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self.database.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        self.database.execute("PRAGMA journal_mode=OFF")
        self.database.execute("PRAGMA synchronous=OFF")
        self.database.execute("CREATE TABLE first (key INTEGER PRIMARY KEY, number INTEGER)")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self.database.close()

    def find(self, keys: Collection[int]) -> dict[int, int]:
        """Return the number of the row that has each of the keys, as far as one has it."""
        query = "SELECT key, number FROM first WHERE key IN (SELECT value FROM json_each(?))"
        return dict(self.database.execute(query, (json.dumps(sorted(keys)),)))

    def add(self, keys: Iterable[tuple[int, int]]) -> None:
        """Add (key, row number); a key that an earlier row has stays with that."""
        # Sorted, they are written beside each other.
        self.database.execute("BEGIN")
        self.database.executemany("INSERT OR IGNORE INTO first VALUES (?, ?)", sorted(keys))
        self.database.execute("COMMIT")
