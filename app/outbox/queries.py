"""Queries of messages: a page of them by state, one by its id, their number by state."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.outbox.models import Message
from app.security.actor import Actor
from app.security.scope import scope_condition, visible

# The Outbox page leaves out dropped messages.
SHOWN_STATES = ("queued", "sending", "sent", "kept", "failed")


def messages_page(
    session: Session, actor: Actor, states: tuple[str, ...], before: int | None, size: int
):
    """Return (messages, the value of ``before`` for the next page or None), newest first."""
    query = visible(Message, actor).where(Message.state.in_(states))
    query = query.order_by(Message.id.desc()).limit(size + 1)
    if before is not None:
        query = query.where(Message.id < before)
    messages = list(session.scalars(query))
    older = messages[size - 1].id if len(messages) > size else None
    return messages[:size], older


def find_message(session: Session, actor: Actor, message_id: int) -> Message | None:
    """Return a message that the Outbox page may show."""
    query = visible(Message, actor).where(
        Message.id == message_id, Message.state.in_(SHOWN_STATES)
    )
    return session.scalar(query)


def count_by_state(session: Session, actor: Actor) -> dict[str, int]:
    """Count the messages by state."""
    query = (
        select(Message.state, func.count())
        .where(scope_condition(Message, actor))
        .group_by(Message.state)
    )
    rows = session.execute(query).all()
    return {state: count for state, count in rows}  # noqa: C416 - rows are not pairs
