"""The anchor: each seal's number, last id and digest in a file, out of the database's reach."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.database import reading
from app.log.sealing import seals_after

FILE = "log.seals"
_TAIL = 4096


class FileSeal(NamedTuple):
    """A seal as the file knows it."""

    number: int
    last_id: int
    digest: str


def seal_file_path(folder: str | Path) -> Path:
    """Return where the seals are noted: in the data folder."""
    return Path(folder, FILE)


def append_seals(session: Session, folder: str | Path) -> int:
    """Write the seals the file lacks to its end, those of other hosts too; return how many."""
    handle = os.open(seal_file_path(folder), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        highest = _highest(handle)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        with reading():
            lines = [
                f"{seal.id} {seal.last_id} {seal.digest} {moment}\n"
                for seal in seals_after(session, highest)
            ]
            session.commit()
        if lines:
            os.write(handle, "".join(lines).encode())
            os.fsync(handle)
        return len(lines)
    finally:
        os.close(handle)


def _highest(handle: int) -> int:
    """Return the number of the last seal noted; a line cut short by a crash is taken away."""
    tail = _tail(handle)
    if torn := tail.rpartition(b"\n")[2]:
        os.ftruncate(handle, os.fstat(handle).st_size - len(torn))
    noted = _last(tail)
    return noted.number if noted else 0


def _tail(handle: int) -> bytes:
    return os.pread(handle, _TAIL, max(0, os.fstat(handle).st_size - _TAIL))


def _last(tail: bytes) -> FileSeal | None:
    for line in reversed(tail.rpartition(b"\n")[0].split(b"\n")):
        if (noted := _read(line.decode(errors="replace"))) is not None:
            return noted
    return None


def last_file_seal(folder: str | Path) -> FileSeal | None:
    """Return the last seal the file knows."""
    try:
        with seal_file_path(folder).open("rb") as file:
            return _last(_tail(file.fileno()))
    except OSError:
        return None


def read_seals(folder: str | Path) -> Iterator[FileSeal | str]:
    """Yield what the file notes, line by line; a line that says nothing as it stands."""
    try:
        file = seal_file_path(folder).open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            if line.endswith("\n"):
                yield _read(line) or line.strip()


def _read(line: str) -> FileSeal | None:
    parts = line.split()
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts[:2]):
        return None
    return FileSeal(int(parts[0]), int(parts[1]), parts[2])
