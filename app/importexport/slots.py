"""Limit how many imports a process works on: each keeps one of its threads for minutes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask_babel import gettext as _

from app.errors import DomainError

MAX_AT_ONCE = 2
_slots = threading.BoundedSemaphore(MAX_AT_ONCE)


@contextmanager
def import_slot() -> Iterator[None]:
    """Work on an import, or its dry run, inside the block; DomainError if too many do."""
    if not _slots.acquire(blocking=False):
        raise DomainError(_("Other files are being imported right now. Try again in a moment."))
    try:
        yield
    finally:
        _slots.release()
