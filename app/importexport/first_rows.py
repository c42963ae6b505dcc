"""Remember which row of a file had a key first, without growing with the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from types import TracebackType
from typing import Self

# What is kept in memory, in KiB; more goes to a file that SQLite deletes by itself.
_CACHE_KIB = 4096


class FirstRows:
    """The number of the first row of a file for each key, which is a hash."""

    def __init__(self) -> None:
        # An empty name: a database of this connection alone.
        self.database = sqlite3.connect("", isolation_level=None)
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
        self.database.close()

    def find(self, keys: Sequence[tuple[int, int]]) -> list[int]:
        """Return the number of the first row that has each key, given as (key, row number).

        It is the number of that row itself, if none had the key before.
        """
        # Sorted, they are found beside each other.
        self.database.execute("BEGIN")
        self.database.executemany("INSERT OR IGNORE INTO first VALUES (?, ?)", sorted(keys))
        self.database.execute("COMMIT")
        numbers = dict(
            self.database.execute(
                "SELECT key, number FROM first WHERE key IN (SELECT value FROM json_each(?))",
                (json.dumps([key for key, _number in keys]),),
            )
        )
        return [numbers[key] for key, _number in keys]
