"""Times of last use of sessions and API keys, buffered in memory: a GET writes nothing."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Generic, TypeVar

from app.security.models import SessionRow

Key = TypeVar("Key")


class LastSeenBuffer(Generic[Key]):
    """Times of last use by key, as seen by this process; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Key, datetime] = {}

    def record(self, key: Key, moment: datetime) -> None:
        """Record the time of a use."""
        with self._lock:
            self._seen[key] = moment

    def drain(self) -> dict[Key, datetime]:
        """Return the recorded times and empty the buffer."""
        with self._lock:
            taken = dict(self._seen)
            self._seen.clear()
        return taken


# Sessions by their table and token hash, API keys by id.
sessions: LastSeenBuffer[tuple[type[SessionRow], str]] = LastSeenBuffer()
keys: LastSeenBuffer[int] = LastSeenBuffer()
