"""A copy of the seals in a file, so that whoever can change the database cannot forge them.

Each line holds a seal's number, last entry id, digest, the time it was written, and its format: 1
where the line says none.
"""

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

FILE_NAME = "log.seals"
_TAIL_BYTES = 4096


class FileSeal(NamedTuple):
    """A seal as the file has it."""

    number: int
    last_id: int
    digest: str
    format: int = 1


def seal_file_path(folder: str | Path) -> Path:
    """Return the path of the file of seals in the data folder."""
    return Path(folder, FILE_NAME)


def append_seals(session: Session, folder: str | Path) -> int:
    """Append the seals that the file lacks, those of other hosts too; return how many."""
    handle = os.open(seal_file_path(folder), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        last_number = _repair_and_get_last_number(handle)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        with reading():
            lines = [
                f"{seal.id} {seal.last_id} {seal.digest} {moment} {seal.format}\n"
                for seal in seals_after(session, last_number)
            ]
            session.commit()
        if lines:
            os.write(handle, "".join(lines).encode())
            os.fsync(handle)
        return len(lines)
    finally:
        os.close(handle)


def _repair_and_get_last_number(handle: int) -> int:
    """Return the number of the last seal in the file; remove a line cut short by a crash."""
    tail = _read_tail(handle)
    if partial := tail.rpartition(b"\n")[2]:
        os.ftruncate(handle, os.fstat(handle).st_size - len(partial))
    seal = _last_seal(tail)
    return seal.number if seal else 0


def _read_tail(handle: int) -> bytes:
    return os.pread(handle, _TAIL_BYTES, max(0, os.fstat(handle).st_size - _TAIL_BYTES))


def _last_seal(tail: bytes) -> FileSeal | None:
    for line in reversed(tail.rpartition(b"\n")[0].split(b"\n")):
        if (seal := _parse_line(line.decode(errors="replace"))) is not None:
            return seal
    return None


def last_file_seal(folder: str | Path) -> FileSeal | None:
    """Return the last seal in the file, or None if there is none."""
    try:
        with seal_file_path(folder).open("rb") as file:
            return _last_seal(_read_tail(file.fileno()))
    except OSError:
        return None


def read_seals(folder: str | Path) -> Iterator[FileSeal | str]:
    """Yield the seals in the file; a line that cannot be parsed is yielded as text."""
    try:
        file = seal_file_path(folder).open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            if line.endswith("\n"):
                yield _parse_line(line) or line.strip()


def _parse_line(line: str) -> FileSeal | None:
    parts = line.split()
    numbers = [*parts[:2], *parts[4:]]
    if len(parts) not in (4, 5) or not all(part.isascii() and part.isdigit() for part in numbers):
        return None
    return FileSeal(int(parts[0]), int(parts[1]), parts[2], int(parts[4]) if parts[4:] else 1)
