"""What a seal covers of the log: digests of the entries, which outlive values that are emptied.

A seal of format 1 covers the values of its entries. One of format 2 covers, of the values that a
person may ask to have emptied, only a digest with a random salt. Without the salt, which goes with
the values, nobody can guess a telephone number from its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Text, cast, func, text, type_coerce
from sqlalchemy.orm import Session

from app.log.models import LogEntry

# The format of new seals.
FORMAT = 2

COLUMNS = tuple(column.name for column in LogEntry.__table__.columns)

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr).encode


class Part(NamedTuple):
    """Columns of an entry that are emptied together, and those of their salt and digest."""

    columns: tuple[str, ...]
    salt: str
    digest: str


ACTOR = Part(("actor_name",), "actor_salt", "actor_digest")
SUBJECT = Part(("subject_name", "changes"), "subject_salt", "subject_digest")
PARTS = (ACTOR, SUBJECT)
EMPTY: dict[str, Any] = {"actor_name": "", "subject_name": "", "changes": None}

_OF_PARTS = {name for part in PARTS for name in (*part.columns, part.salt, part.digest)}
_SALTS = {part.salt for part in PARTS}
_PLAIN = {
    1: frozenset(COLUMNS) - (_OF_PARTS - set(EMPTY)) - {"erased_by"},
    2: frozenset(COLUMNS) - _OF_PARTS - {"erased_by"},
}


class DigestBuilder:
    """Compute the digest over entries added one after another, each as canonical JSON.

    Only columns that are not NULL are included, so that a column added later does not change
    the digests of earlier entries.
    """

    def __init__(self, seal_format: int = FORMAT) -> None:
        self.format = seal_format
        self._hash = hashlib.sha256()
        self.count = 0
        self.first_id: int | None = None
        self.last_id: int | None = None
        # How many entries each request emptied, and the last one of those.
        self.emptied: Counter[int] = Counter()
        self.last_emptied: int | None = None
        # Entries that no request can have left like this.
        self.irregular: list[int] = []

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add entries as ``stored_columns`` reads them."""
        plain = _PLAIN.get(self.format, _PLAIN[FORMAT])
        for values in rows:
            row = dict(zip(COLUMNS, values, strict=True))
            covered = {
                name: normalize(name, value)
                for name, value in row.items()
                if value is not None and name in plain
            }
            if self.format > 1:
                covered |= {part.digest: covered_digest(row, part) for part in PARTS}
            self._hash.update(_canonical(covered).encode() + b"\n")
            self._note_emptied(row)
            self.count += 1
            self.first_id = row["id"] if self.first_id is None else self.first_id
            self.last_id = row["id"]

    def _note_emptied(self, row: Mapping[str, Any]) -> None:
        if row["erased_by"] is not None:
            self.emptied[row["erased_by"]] += 1
            self.last_emptied = row["id"]
        if not _is_regular(row):
            self.irregular.append(row["id"])

    def digest(self) -> str:
        """Return the digest of the entries added so far."""
        return self._hash.hexdigest()


def part_digest(row: Mapping[str, Any], part: Part) -> str:
    """Return the digest of a part's salt and values, as the database stores them."""
    values = [normalize(name, row[name]) for name in (part.salt, *part.columns)]
    return hashlib.sha256(_canonical(values).encode()).hexdigest()


def covered_digest(row: Mapping[str, Any], part: Part) -> str:
    """Return the digest of a part that a seal covers: the stored one if the part was emptied."""
    if row[part.digest] is not None and _is_empty(row, part):
        return row[part.digest]
    return part_digest(row, part)


def _is_empty(row: Mapping[str, Any], part: Part) -> bool:
    return row[part.salt] is None and all(row[name] == EMPTY[name] for name in part.columns)


def _is_regular(row: Mapping[str, Any]) -> bool:
    """Return False for an entry that is emptied in a way that no request does it."""
    emptied = [part for part in PARTS if row[part.digest] is not None]
    request_id = row["erased_by"]
    is_requested = isinstance(request_id, int) and request_id > row["id"]
    return (is_requested if emptied else request_id is None) and all(
        _is_empty(row, part) if part in emptied else row[part.salt] is not None for part in PARTS
    )


def normalize(name: str, value: Any) -> Any:
    """Return a column's value, as the database stores it, in the form that digests cover."""
    if name == "at" and isinstance(value, str):
        return value.replace(" ", "T")
    if name == "changes" and value is not None:
        try:
            return json.loads(value, parse_float=_parse_number)
        except (TypeError, ValueError, RecursionError):
            return {"unreadable": repr(value)}
    if name in _SALTS and isinstance(value, bytes):
        return value.hex()
    return value


def _parse_number(digits: str) -> int | float:
    """Parse 1.0 and 1 as the same number, as PostgreSQL's JSON does."""
    number = float(digits)
    return int(number) if number.is_integer() else number


def stored_columns(session: Session) -> list[Any]:
    """Return every column of an entry, to be read as the database stores it."""
    is_postgres = session.get_bind().dialect.name == "postgresql"
    columns: list[Any] = []
    for column in LogEntry.__table__.columns:
        if column.name == "at":
            moment = func.to_char(column, text("'YYYY-MM-DD\"T\"HH24:MI:SS.US'"))
            columns.append(moment if is_postgres else type_coerce(column, Text))
        elif column.name == "changes":
            columns.append(cast(column, Text))
        elif column.name in _SALTS:
            columns.append(cast(column, Text) if is_postgres else type_coerce(column, Text))
        else:
            columns.append(column)
    return columns


def seal_digest(
    number: int,
    previous: str,
    first_id: int | None,
    last_id: int | None,
    count: int,
    at: datetime,
    rows: str,
    seal_format: int = FORMAT,
) -> str:
    """Return the digest of a seal: over itself, its rows and the digest of the seal before it."""
    link = [number, previous, first_id, last_id, count, at.isoformat(timespec="microseconds")]
    if seal_format > 1:
        link.insert(0, seal_format)
    return hashlib.sha256(_canonical([*link, rows]).encode()).hexdigest()
