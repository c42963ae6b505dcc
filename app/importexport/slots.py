"""Limit how many downloads a process works on: each keeps a thread for minutes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from app.errors import DomainError
from app.security.actor import Actor

# How many files a user may download at once, from each process.
MAX_DOWNLOADS = 2
_downloads: Counter[int | None] = Counter()
_lock = threading.Lock()


class TooManyDownloads(DomainError):
    """The user is downloading as many files as they may."""

    status: ClassVar[int] = 429
    title: ClassVar[Any] = _l("Other files are still being downloaded")

    def __init__(self) -> None:
        super().__init__(_l("Wait until your other files have been downloaded, then try again."))


@contextmanager
def download_slot(actor: Actor) -> Iterator[None]:
    """Count the block among the downloads of a user; TooManyDownloads if there are enough."""
    with _lock:
        if _downloads[actor.id] >= MAX_DOWNLOADS:
            raise TooManyDownloads
        _downloads[actor.id] += 1
    try:
        yield
    finally:
        with _lock:
            _downloads[actor.id] -= 1
            if not _downloads[actor.id]:
                del _downloads[actor.id]
