"""When sessions were last used: kept in memory, for a page that is looked at writes nothing."""

from __future__ import annotations

import threading
from datetime import datetime

_lock = threading.Lock()
_seen: dict[str, datetime] = {}


def note(token_hash: str, moment: datetime) -> None:
    """Remember that a session was used."""
    with _lock:
        _seen[token_hash] = moment


def take_all() -> dict[str, datetime]:
    """Return what was remembered since the last time, and forget it here."""
    with _lock:
        taken = dict(_seen)
        _seen.clear()
    return taken
