"""When sessions and API keys were last used: kept in memory, for looking at a page writes nothing."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Generic, TypeVar

Name = TypeVar("Name")


class Moments(Generic[Name]):
    """When each of some things was last used, as far as this process has seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Name, datetime] = {}

    def note(self, name: Name, moment: datetime) -> None:
        """Remember that something was used."""
        with self._lock:
            self._seen[name] = moment

    def take_all(self) -> dict[Name, datetime]:
        """Return what was remembered since the last time, and forget it here."""
        with self._lock:
            taken = dict(self._seen)
            self._seen.clear()
        return taken


# By what is kept of their tokens, and by their numbers.
sessions: Moments[str] = Moments()
keys: Moments[int] = Moments()
