"""A log to seal, and a hundred ways to falsify it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.contacts.models import Tag
from app.extensions import db
from app.log.models import LogEntry
from app.log.seal_file import append_seals, seal_file_path
from app.log.sealing import Sealer
from app.security.actor import SYSTEM
from app.trash.services import move_to_trash, restore
from tests.factories import a_contact, the_value

Falsification = Callable[[Session, Path], None]

UNLOCK = {
    "sqlite": [
        f"DROP TRIGGER {table}_no_{moment}"
        for table in ("log_entry", "log_seal")
        for moment in ("update", "delete")
    ],
    "postgresql": [
        f"DROP TRIGGER {table}_{name} ON {table}"
        for table, name in (
            ("log_entry", "append_only"),
            ("log_entry", "only_emptied"),
            ("log_seal", "append_only"),
        )
    ],
}
OTHER_VALUES = {
    "at": "'1999-12-31 23:59:59.000001'",
    "actor_type": "'contact'",
    "actor_id": "4242",
    "actor_name": "'somebody else'",
    "channel": "'cli2'",
    "event": "'unheard of'",
    "subject_type": "'account'",
    "subject_id": "subject_id + 1",
    "subject_name": "subject_name || ' '",
    "version": "COALESCE(version, 0) + 1",
    "changes": """'{"last_name": ["A", "B"]}'""",
    "actor_salt": "NULL",
    "subject_salt": "actor_salt",
    "actor_digest": f"'{'0' * 64}'",
    "subject_digest": f"'{'0' * 64}'",
    "erased_by": "id + 1",
}
COPIED = ", ".join(column.name for column in LogEntry.__table__.columns if column.name != "id")


def write_history() -> None:
    """Change, trash, restore and purge some contacts."""
    session = db.session()
    tag = the_value(Tag, "To be completed")
    for number in range(6):
        contact = a_contact(last_name=f"Peña {number}", tags=[tag] if number % 2 else [])
        contact.notes = '1.0 – «ñ» 😀 \\ " \n'
        session.commit()
        move_to_trash(contact, SYSTEM)
        session.commit()
        if number % 3:
            restore(contact)
        else:
            session.delete(contact)
        session.commit()


def seal_all(folder: Path) -> int:
    """Seal everything and append the seals to the file."""
    sealed = Sealer().run(db.session())
    append_seals(db.session(), folder)
    return sealed


def falsifications(ids: list[int], seals: list[tuple[int, int, int]]) -> Iterator[tuple]:
    """Yield (name, what to do) for a log with these ids, sealed in (number, first, last)."""
    first, middle, last = ids[0], ids[len(ids) // 2], ids[-1]
    for entry in (first, middle, last):
        for column, value in OTHER_VALUES.items():
            yield f"edit {column} of {entry}", _sql(_edit(column, value, entry))
        yield f"empty the changes of {entry}", _sql(_edit("changes", "NULL", entry))
        yield f"a new id for {entry}", _sql(_edit("id", str(last + 500), entry))
        yield (
            f"insert beside {entry}",
            _sql(_edit("id", "id - 1000", entry), _copy(entry - 1000, entry)),
        )
    for entry in ids[:: max(1, len(ids) // 14)]:
        yield f"remove {entry}", _sql(f"DELETE FROM log_entry WHERE id = {entry}")
    for start, stop in ((0, 3), (2, 9), (len(ids) // 2, len(ids)), (len(ids) - 4, len(ids))):
        span = f"{ids[start]} AND {ids[stop - 1]}"
        yield f"remove {span}", _sql(f"DELETE FROM log_entry WHERE id BETWEEN {span}")
    yield "remove all entries", _sql("DELETE FROM log_entry")
    for one, two in ((ids[0], ids[1]), (middle, last), (ids[3], ids[11]), (first, last)):
        yield (
            f"swap {one} and {two}",
            _sql(_edit("id", "-1", one), _edit("id", str(one), two), _edit("id", str(two), -1)),
        )
    yield "an entry before the first", _sql(_copy(first - 5, first))
    for entry in (first, middle, last):
        # A free id inside the sealed range is made by deleting another entry.
        yield (
            f"{entry} instead of its neighbour",
            _sql(
                f"DELETE FROM log_entry WHERE id = {_beside(ids, entry)}",
                _copy(_beside(ids, entry), entry),
            ),
        )
    for number, low, high in seals:
        yield f"remove seal {number}", _sql(f"DELETE FROM log_seal WHERE id = {number}")
        for column, value in (
            ("digest", f"'{'0' * 64}'"), ("first_id", "first_id + 1"), ("last_id", "last_id - 1"),
            ("count", "count + 1"), ("at", "'1999-12-31 23:59:59.000001'"), ("id", "id + 1000"),
            ("format", "format + 1"),
        ):  # fmt: skip
            yield (
                f"edit {column} of seal {number}",
                _sql(f"UPDATE log_seal SET {column} = {value} WHERE id = {number}"),
            )
        yield (
            f"cut the tail from seal {number}",
            _sql(
                f"DELETE FROM log_entry WHERE id >= {low}",
                f"DELETE FROM log_seal WHERE id >= {number}",
            ),
        )
        yield f"link the chain again from seal {number}", _recompute_chain(number, low, middle)
        yield (
            f"remove what seal {number} covers, and the seal",
            _sql(
                f"DELETE FROM log_entry WHERE id BETWEEN {low} AND {high}",
                f"DELETE FROM log_seal WHERE id = {number}",
            ),
        )
    yield "remove all seals", _sql("DELETE FROM log_seal")
    yield "remove everything", _sql("DELETE FROM log_seal", "DELETE FROM log_entry")


def _edit(column: str, value: str, entry: int) -> str:
    return f"UPDATE log_entry SET {column} = {value} WHERE id = {entry}"


def _copy(new: int, entry: int) -> str:
    return (
        f"INSERT INTO log_entry (id, {COPIED}) SELECT {new}, {COPIED} FROM log_entry"
        f" WHERE id = {entry}"
    )


def _beside(ids: list[int], entry: int) -> int:
    return ids[ids.index(entry) - 1] if entry != ids[0] else ids[1]


def _sql(*statements: str) -> Falsification:
    def run(session: Session, folder: Path) -> None:
        for statement in statements:
            session.execute(text(statement.replace(":", "\\:")))

    return run


def _recompute_chain(number: int, low: int, entry: int) -> Falsification:
    """Edit an entry and seal again from there, as an attacker with the code could."""

    def run(session: Session, folder: Path) -> None:
        session.execute(text(_edit("actor_name", "'nobody'", max(low, entry))))
        session.execute(text(f"DELETE FROM log_seal WHERE id >= {number}"))
        Sealer().run(session)

    return run


def seal_file_lines(folder: Path) -> list[str]:
    """Return the lines of the file of seals."""
    return seal_file_path(folder).read_text(encoding="utf-8").splitlines()


def parse_output(output: str) -> dict:
    """Return the JSON object a command printed first."""
    return json.loads(output.splitlines()[0])
