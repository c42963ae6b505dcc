"""Rows that must not be changed: which they are, why, and who is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

from flask_appbuilder import Model
from sqlalchemy import ColumnElement, case, false, func, literal, or_, select
from sqlalchemy.orm import Session, object_session

from app.bulk import is_one_of
from app.errors import Locked
from app.registry import Plug
from app.security.actor import Actor, current_actor
from app.states.conditions import Reason, as_condition, first_reason

# Before the name of a lock, in the reasons of an operation's items.
LOCK_PREFIX = "lock:"


class Guarded:
    """Mixin of a model of which some stored rows may not be changed, deleted or restored.

    Whatever writes a row asks: forms, API, trash, restored values, collective actions and their
    undoing, imports, and every flush of a session. Only a transition may move a locked row.
    """

    @classmethod
    def locks(cls, row: Any) -> Sequence[Reason]:
        """Return the conditions of the rows that are locked, each with the sentence that says why.

        The attributes of ``row`` are SQL expressions over the stored row. The sentences name
        nothing of the row: an operation stores only the place of the lock in this list.
        """
        return ()

    def why_locked(self, actor: Actor) -> str:
        """Return why the stored row may not be changed, or an empty text; one statement."""
        session = object_session(self)
        return "" if session is None else why_locked(session, self, actor)


class Lock(Plug):
    """A lock on rows of another room's model (a plug). Subclass it in a room's ``rules.py``."""

    model: ClassVar[Any]
    message: ClassVar[Any]

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def locked(self, row: Any) -> ColumnElement[bool] | bool:
        """Return the condition that a stored row is locked, over SQL expressions of the row."""
        raise NotImplementedError


@dataclass(frozen=True)
class LockCondition:
    """A condition of locked rows, its sentence, and its code among the reasons of an operation."""

    condition: ColumnElement[bool]
    message: Any
    code: str


def locks_of(model: Any, actor: Actor) -> list[LockCondition]:
    """Return the locks of a model: its own, and those that other rooms add."""
    found = []
    if issubclass(model, Guarded):
        for place, (condition, message) in enumerate(model.locks(model)):
            code = f"{LOCK_PREFIX}{model.__name__}:{place}"
            found.append(LockCondition(as_condition(condition), message, code))
    for lock in Lock.all():
        if issubclass(model, lock.model):
            condition = as_condition(lock(actor).locked(model))
            found.append(LockCondition(condition, lock.message, f"{LOCK_PREFIX}{lock.__name__}"))
    return found


def lock_text(code: str | None) -> Any:
    """Return the sentence of the lock with this code, or None."""
    if not code or not code.startswith(LOCK_PREFIX):
        return None
    name, _colon, place = code.removeprefix(LOCK_PREFIX).partition(":")
    if not place:
        return next((lock.message for lock in Lock.all() if lock.__name__ == name), None)
    models: Iterable[Any] = (mapper.class_ for mapper in Model.registry.mappers)
    for model in models:
        if model.__name__ == name and issubclass(model, Guarded):
            return dict(enumerate(text for _c, text in model.locks(model))).get(int(place))
    return None


def is_locked(model: Any, actor: Actor) -> ColumnElement[bool]:
    """Return the condition that a stored row of a model is locked."""
    return or_(false(), *(lock.condition for lock in locks_of(model, actor)))


def not_locked(model: Any, actor: Actor) -> list[ColumnElement[bool]]:
    """Return the conditions that a stored row is not locked; none for a model without locks."""
    return [~func.coalesce(lock.condition, false()) for lock in locks_of(model, actor)]


def why_locked(session: Session, row: Any, actor: Actor) -> str:
    """Return why a stored row may not be changed, or an empty text.

    It is one statement for a model that has locks, and none for all others.
    """
    locks = locks_of(type(row), actor)
    cases = [([row.id], lock.condition, lock.message) for lock in locks]
    message = first_reason(session, type(row), cases) if row.id is not None else None
    return "" if message is None else str(message)


def why_each_is_locked(
    session: Session, model: Any, ids: Iterable[int], actor: Actor
) -> dict[int, str]:
    """Return why stored rows may not be changed, by id, for those that are locked."""
    locks, wanted = locks_of(model, actor), sorted(ids)
    if not locks or not wanted:
        return {}
    place = case(*((lock.condition, literal(n)) for n, lock in enumerate(locks)))
    chosen = is_one_of(session.get_bind().dialect, model.id, wanted)
    query = select(model.id, place).where(chosen, is_locked(model, actor))
    rows = session.execute(query.execution_options(with_trash=True))
    return {number: str(locks[place].message) for number, place in rows}


_may_change = ContextVar("may_change_locked_rows", default=False)


@contextmanager
def changing_locked_rows() -> Iterator[None]:
    """Let flushes inside the block change locked rows: for what belongs to a transition."""
    token = _may_change.set(True)
    try:
        yield
    finally:
        _may_change.reset(token)


def check_locks(session: Session, rows: Iterable[Any]) -> None:
    """Raise Locked if one of the rows about to be written is locked as it is stored.

    It is one statement for each model that has locks.
    """
    if _may_change.get():
        return
    ids: dict[Any, list[int]] = {}
    for row in rows:
        ids.setdefault(type(row), []).append(row.id)
    actor = current_actor()
    for model, of_model in ids.items():
        cases = [(of_model, lock.condition, lock.message) for lock in locks_of(model, actor)]
        if (message := first_reason(session, model, cases)) is not None:
            raise Locked(message)
