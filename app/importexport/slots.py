"""Limit how many imports and downloads a process works on: each keeps a thread for minutes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.errors import DomainError
from app.security.actor import Actor

MAX_AT_ONCE = 2
# How many files a user may download at once, from each process.
MAX_DOWNLOADS = 2
_slots = threading.BoundedSemaphore(MAX_AT_ONCE)
_downloads: Counter[int | None] = Counter()
_lock = threading.Lock()


class TooManyDownloads(DomainError):
    """The user is downloading as many files as they may."""

    status: ClassVar[int] = 429
    title: ClassVar[Any] = _l("Other files are still being downloaded")

    def __init__(self) -> None:
        super().__init__(_l("Wait until your other files have been downloaded, then try again."))


@contextmanager
def import_slot() -> Iterator[None]:
    """Work on an import, or its dry run, inside the block; DomainError if too many do."""
    if not _slots.acquire(blocking=False):
        raise DomainError(_("Other files are being imported right now. Try again in a moment."))
    try:
        yield
    finally:
        _slots.release()


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
