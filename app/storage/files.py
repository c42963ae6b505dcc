"""The files on disk: write, find, delete."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from flask import current_app

from app.types import now

# A file that is younger may still get its row: the transaction that names it has not ended.
ORPHAN_LIFETIME = timedelta(days=1)
# New files are written to the first; earlier versions wrote photos to the second.
FOLDERS = ("files", "photos")
# Characters of a key without a suffix.
KEY_LENGTH = 32


class WrittenFile(NamedTuple):
    """A file just written: its key, its size in bytes, and the SHA-256 of its contents."""

    key: str
    size: int
    digest: str


def file_folders(data_dir: str) -> tuple[Path, ...]:
    """Return the folders that files are looked for in; new ones are written to the first."""
    return tuple(Path(data_dir, name) for name in FOLDERS)


def _folders() -> tuple[Path, ...]:
    return file_folders(current_app.config["DATA_DIR"])


def write_file(blocks: Iterable[bytes], suffix: str) -> WrittenFile:
    """Write a file under a random key, so that it survives a crash; raise OSError if that fails.

    Whatever ``blocks`` raises passes through, and nothing is left.
    """
    folder = _folders()[0]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = f"{secrets.token_hex(KEY_LENGTH // 2)}{suffix}"
    part = folder / f"{key}.part"
    size, digest = 0, hashlib.sha256()
    try:
        with part.open("xb") as file:
            for block in blocks:
                file.write(block)
                digest.update(block)
                size += len(block)
            file.flush()
            os.fsync(file.fileno())
        part.rename(folder / key)
        _sync_folder(folder)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return WrittenFile(key, size, digest.hexdigest())


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def find_file(key: str) -> Path | None:
    """Return the path of a file, or None if it is gone or the key can be none."""
    if not key or Path(key).name != key or "\0" in key:
        return None
    return next((path for folder in _folders() if (path := folder / key).is_file()), None)


def delete_from_disk(keys: Iterable[str]) -> None:
    """Delete files; those that are gone already do not matter."""
    for key in keys:
        if (path := find_file(key)) is not None:
            with suppress(OSError):
                path.unlink()


def old_files() -> Iterator[str]:
    """Yield the keys of the files that a row must name by now."""
    latest = now().timestamp() - ORPHAN_LIFETIME.total_seconds()
    for folder in _folders():
        try:
            entries = os.scandir(folder)
        except FileNotFoundError:
            continue
        with entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_file() and entry.stat().st_mtime < latest:
                        yield entry.name
