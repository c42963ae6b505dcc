"""Find mails: a page of them by state, one by its number, how many are in which state."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.mails.models import Mail
from app.security.actor import Actor
from app.security.scope import scope_of, visible

# What the Outbox page shows: nobody is served by rows that turned out not to be needed.
SHOWN = ("queued", "sending", "sent", "kept", "failed")


def mails_page(
    session: Session, actor: Actor, states: tuple[str, ...], before: int | None, size: int
):
    """Return (mails, the number to ask for the older ones with, or None), newest first."""
    query = visible(Mail, actor).where(Mail.state.in_(states))
    query = query.order_by(Mail.id.desc()).limit(size + 1)
    if before is not None:
        query = query.where(Mail.id < before)
    found = list(session.scalars(query))
    older = found[size - 1].id if len(found) > size else None
    return found[:size], older


def mail_of(session: Session, actor: Actor, mail_id: int) -> Mail | None:
    """Return one mail that is shown."""
    query = visible(Mail, actor).where(Mail.id == mail_id, Mail.state.in_(SHOWN))
    return session.scalar(query)


def how_many(session: Session, actor: Actor) -> dict[str, int]:
    """Return how many mails are in each state."""
    query = select(Mail.state, func.count()).where(scope_of(Mail, actor)).group_by(Mail.state)
    rows = session.execute(query).all()
    return {state: count for state, count in rows}  # noqa: C416 - rows are not pairs
