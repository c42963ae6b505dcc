"""The photos on disk: write, expire, delete.

The time of modification of a file says from when on it is kept: it may be deleted RETENTION
after that, unless a row names it. A new one is dated back so far that only UNUSED_LIFETIME is
left, for the form that it came with; one that was replaced counts from that moment.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from flask import current_app

from app.types import now

# How long a replaced photo can be restored from the log.
RETENTION = timedelta(days=30)
# How long a photo waits for the form it was sent with.
UNUSED_LIFETIME = timedelta(days=1)


def photo_folder(data_dir: str) -> Path:
    """Return the folder of the photos."""
    return Path(data_dir) / "photos"


def _folder() -> Path:
    return photo_folder(current_app.config["DATA_DIR"])


def write_photo(contents: bytes) -> str:
    """Write a photo under a random name and return the name. Raise OSError if that fails."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{secrets.token_hex(16)}.jpg"
    part = folder / f"{name}.part"
    try:
        part.write_bytes(contents)
        _set_time(part, _seconds() - (RETENTION - UNUSED_LIFETIME).total_seconds())
        part.rename(folder / name)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return name


def keep_photo(name: str) -> bool:
    """Keep a photo for RETENTION from now on; return False if it is gone."""
    try:
        _set_time(_folder() / name, _seconds())
    except (OSError, ValueError):
        return False
    return True


def delete_photos(names: Iterable[str]) -> None:
    """Delete photos; those that are gone already do not matter."""
    for name in names:
        with suppress(OSError):
            (_folder() / name).unlink()


def has_photo(name: str) -> bool:
    """Return True if the file of a photo exists."""
    return (_folder() / name).is_file()


def is_expired(name: str) -> bool:
    """Return True if a photo may be deleted unless a row names it."""
    try:
        age = _seconds() - (_folder() / name).stat().st_mtime
    except OSError:
        return False
    return age > RETENTION.total_seconds()


def expired_photos() -> Iterator[str]:
    """Yield the names of the files that may be deleted unless a row names them."""
    try:
        entries = os.scandir(_folder())
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if is_expired(entry.name):
                yield entry.name


def _seconds() -> float:
    """Return the current time in seconds, as the time of modification of a file."""
    return now().timestamp()


def _set_time(path: Path, moment: float) -> None:
    os.utime(path, (moment, moment))
