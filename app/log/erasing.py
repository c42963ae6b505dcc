"""Empty the values of a person from the log, so that the log still matches its seals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Text,
    and_,
    bindparam,
    cast,
    false,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.orm import Session

from app.database import reading
from app.errors import DomainError
from app.log.digests import (
    ACTOR,
    COLUMNS,
    EMPTY,
    PARTS,
    Part,
    normalize,
    part_digest,
    stored_columns,
)
from app.log.models import SECURITY_SUBJECT, LogEntry
from app.log.reactions import notify_of_table
from app.log.sealing import is_sealed_anew
from app.security.actor import Actor, ActorKind
from app.text import clean
from app.types import now

# The kind of actor that the rows of a table are.
ACTOR_KINDS = {"contact": ActorKind.CONTACT, "ab_user": ActorKind.STAFF}
MAX_REASON_LENGTH = 200
# Entries emptied in one transaction by ``erase_in_chunks``.
CHUNK_SIZE = 500

_table = LogEntry.__table__


@dataclass(frozen=True)
class Entries:
    """Which entries to empty: where the actor's name, and where the subject's name and changes."""

    actor: ColumnElement[bool]
    subject: ColumnElement[bool]
    subject_type: str = SECURITY_SUBJECT
    subject_id: int = 0

    def left(self, part: Part) -> ColumnElement[bool]:
        """Return the condition that this part of an entry is still to be emptied."""
        chosen = self.actor if part is ACTOR else self.subject
        condition = and_(chosen, _table.c[part.digest].is_(None))
        # Who emptied what, and why, stays.
        return condition if part is ACTOR else and_(condition, LogEntry.event != "log_erased")

    @property
    def any_left(self) -> ColumnElement[bool]:
        """Return the condition that some part of an entry is still to be emptied."""
        return or_(*(self.left(part) for part in PARTS))


def entries_of(subject_type: str, subject_id: int) -> Entries:
    """Return the entries about a row, and those of what it did as an actor.

    Of an entry about another row only the actor's name is emptied.
    """
    about = and_(LogEntry.subject_type == subject_type, LogEntry.subject_id == subject_id)
    kind = ACTOR_KINDS.get(subject_type)
    if kind is None:
        return Entries(false(), about, subject_type, subject_id)
    kinds = LogEntry.actor_type == kind
    if kind is ActorKind.STAFF:
        # Older entries do not say of which kind their actor is, and security is that of users.
        kinds = or_(kinds, LogEntry.actor_type.is_(None))
        users = and_(LogEntry.subject_type == SECURITY_SUBJECT, LogEntry.subject_id == subject_id)
        about = or_(about, users)
    did = and_(kinds, LogEntry.actor_id == subject_id)
    if kind is ActorKind.CONTACT:
        # Such an event is about nobody else: it names the contact instead of an id.
        about = or_(about, and_(did, LogEntry.subject_type == SECURITY_SUBJECT))
    return Entries(did, about, subject_type, subject_id)


def entries_with_ids(ids: Collection[int], *, with_actor: bool = False) -> Entries:
    """Return the entries with these ids; their actors' names are kept unless ``with_actor``."""
    chosen = LogEntry.id.in_(ids)
    return Entries(chosen if with_actor else false(), chosen)


def count_left(session: Session, entries: Entries) -> int:
    """Return how many entries are still to be emptied."""
    return session.scalar(select(func.count(LogEntry.id)).where(entries.any_left)) or 0


def erase_entries(session: Session, actor: Actor, entries: Entries, reason: str) -> int:
    """Empty the entries and log that; return how many. The caller commits.

    Raise DomainError without a reason, or while the seals of an older version are not replaced.
    """
    ids = session.scalars(select(LogEntry.id).where(entries.any_left)).all()
    if not ids:
        _let_others_erase(session, actor, entries)
        return 0
    request_id = _log_request(session, actor, entries, len(ids), reason)
    for start in range(0, len(ids), CHUNK_SIZE):
        _empty(session, entries, ids[start : start + CHUNK_SIZE], request_id)
    return len(ids)


def erase_in_chunks(
    session: Session, actor: Actor, entries: Entries, reason: str
) -> Iterator[int]:
    """Empty the entries in one transaction per chunk; yield the number of each chunk.

    The request is logged with the first chunk. If a later one is not reached, ask again for the
    rest.
    """
    with reading():
        number, last = count_left(session, entries), 0
        session.rollback()
    if not number:
        _let_others_erase(session, actor, entries)
        session.commit()
    request_id = None
    while number > 0:
        with reading():
            chosen = select(LogEntry.id).where(entries.any_left, LogEntry.id > last)
            if request_id is not None:
                chosen = chosen.where(LogEntry.id < request_id)
            chosen = chosen.order_by(LogEntry.id).limit(min(CHUNK_SIZE, number))
            ids = session.scalars(chosen).all()
            session.rollback()
        if not ids:
            return
        if request_id is None:
            request_id = _log_request(session, actor, entries, number, reason)
        _empty(session, entries, ids, request_id)
        session.commit()
        number, last = number - len(ids), ids[-1]
        yield len(ids)


def request_sizes(session: Session, ids: Iterable[Any]) -> dict[int, int]:
    """Return how many entries each of these requests says that it empties.

    ``ids`` are as the database has them; those of other entries are left out.
    """
    numbers, found = [entry_id for entry_id in ids if isinstance(entry_id, int)], {}
    for start in range(0, len(numbers), CHUNK_SIZE):
        query = select(LogEntry.id, cast(LogEntry.changes, Text)).where(
            LogEntry.id.in_(numbers[start : start + CHUNK_SIZE]), LogEntry.event == "log_erased"
        )
        for request_id, changes in session.execute(query):
            match normalize("changes", changes):
                case {"entries": [None, int(number)]}:
                    found[request_id] = number
    return found


def _log_request(
    session: Session, actor: Actor, entries: Entries, number: int, reason: str
) -> int:
    """Write the entry that says who empties how many entries, and why; return its id."""
    reason = clean(reason)
    if not reason:
        raise DomainError(_("Give a reason."))
    if len(reason) > MAX_REASON_LENGTH:
        raise DomainError(
            _("The reason is too long (%(most)s characters at most).", most=MAX_REASON_LENGTH)
        )
    if not is_sealed_anew(session):
        raise DomainError(
            _(
                "After the upgrade the log has to be sealed anew first. Run “flask --app run log"
                " seal”, or try again in a minute."
            )
        )
    if session.get_bind().dialect.name == "sqlite":
        # Otherwise the values would stay readable in the file.
        session.connection().exec_driver_sql("PRAGMA secure_delete = ON")
    row = {
        "at": now(),
        **actor.log_columns(),
        "event": "log_erased",
        "subject_type": entries.subject_type,
        "subject_id": entries.subject_id,
        "subject_name": "",
        "changes": {"entries": [None, number], "reason": [None, reason]},
    }
    _let_others_erase(session, actor, entries)
    return session.execute(insert(LogEntry).values(row).returning(LogEntry.id)).scalar_one()


def _let_others_erase(session: Session, actor: Actor, entries: Entries) -> None:
    """Let rooms that keep values of the erased row empty them: a ``Reaction`` to “log_erased”."""
    if entries.subject_id:
        notify_of_table(
            session, entries.subject_type, "log_erased", [entries.subject_id], (), actor
        )


def _empty(session: Session, entries: Entries, ids: Sequence[int], request_id: int) -> None:
    """Replace the values and the salt of each part that is left by its digest."""
    flags = [type_coerce(entries.left(part), Boolean).label(part.salt) for part in PARTS]
    query = select(*stored_columns(session), *flags).where(LogEntry.id.in_(ids))
    changes: dict[tuple[Part, ...], list[dict[str, Any]]] = {}
    for values in session.execute(query.with_for_update()):
        row = dict(zip(COLUMNS, values[: len(COLUMNS)], strict=True))
        flagged = zip(PARTS, values[len(COLUMNS) :], strict=True)
        parts = tuple(part for part, is_left in flagged if is_left)
        if parts:
            digests = {f"new_{part.digest}": part_digest(row, part) for part in parts}
            changes.setdefault(parts, []).append({"entry_id": row["id"], **digests})
    for parts, rows in changes.items():
        session.connection().execute(_statement(parts, request_id), rows)
    for loaded in session.identity_map.values():
        if isinstance(loaded, LogEntry):
            session.expire(loaded)


def _statement(parts: tuple[Part, ...], request_id: int) -> Any:
    values: dict[str, Any] = {"erased_by": request_id}
    for part in parts:
        values |= {name: EMPTY[name] for name in part.columns}
        values |= {part.salt: None, part.digest: bindparam(f"new_{part.digest}")}
    is_left = [_table.c[part.digest].is_(None) for part in parts]
    return update(_table).where(_table.c.id == bindparam("entry_id"), *is_left).values(values)
