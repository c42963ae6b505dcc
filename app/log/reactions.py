"""Reactions: what a room does when rows of a model, its own or another's, have changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.registry import Plug
from app.security.actor import Actor
from app.subjects import model_named


class Reaction(Plug):
    """What happens when rows of a model have changed (a plug). Write it in ``reactions.py``.

    It is called in the same transaction, once the rows are written and logged, for all rows that
    were changed together, whatever changed them: forms, API, collective actions, imports,
    commands. After a purge the rows are gone. It works in few statements, however many rows there
    are, and raises DomainError to refuse the change.
    """

    # A mixin stands for all logged models that inherit it.
    model: ClassVar[Any]
    # The events of the log that it reacts to; none for all.
    events: ClassVar[tuple[str, ...]] = ()

    def __init__(self, changed_model: Any, event: str) -> None:
        self.changed_model, self.event = changed_model, event

    def react(
        self, session: Session, ids: Sequence[int], fields: frozenset[str], actor: Actor
    ) -> None:
        """React to a change of rows; ``fields`` names what changed in at least one of them."""
        raise NotImplementedError


def notify(
    session: Session,
    model: Any,
    event: str,
    ids: Sequence[int],
    fields: Iterable[str],
    actor: Actor,
) -> None:
    """Call the reactions to an event on rows of a model."""
    names = frozenset(fields)
    for kind in Reaction.all():
        if kind.events and event not in kind.events:
            continue
        if issubclass(model, kind.model):
            kind(model, event).react(session, ids, names, actor)
        elif issubclass(kind.model, model):
            # Some of the rows may be of a class that shares the table.
            query = select(kind.model.id).where(kind.model.id.in_(ids)).order_by(kind.model.id)
            found = session.scalars(query.execution_options(with_trash=True)).all()
            if found:
                kind(kind.model, event).react(session, found, names, actor)


def notify_of_table(
    session: Session,
    table: str,
    event: str,
    ids: Sequence[int],
    fields: Iterable[str],
    actor: Actor,
) -> None:
    """Call the reactions to an event on rows of a table, if a model's rows are in it."""
    is_awaited = any(not kind.events or event in kind.events for kind in Reaction.all())
    if ids and is_awaited and (model := model_named(table)) is not None:
        notify(session, model, event, ids, fields, actor)
