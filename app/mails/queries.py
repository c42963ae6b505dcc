"""Queries of mails: a page of them by state, one by its id, their number by state."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.mails.models import Mail
from app.security.actor import Actor
from app.security.scope import scope_condition, visible

# The Outbox page leaves out dropped mails.
SHOWN_STATES = ("queued", "sending", "sent", "kept", "failed")


def mails_page(
    session: Session, actor: Actor, states: tuple[str, ...], before: int | None, size: int
):
    """Return (mails, the value of ``before`` for the next page or None), newest first."""
    query = visible(Mail, actor).where(Mail.state.in_(states))
    query = query.order_by(Mail.id.desc()).limit(size + 1)
    if before is not None:
        query = query.where(Mail.id < before)
    mails = list(session.scalars(query))
    older = mails[size - 1].id if len(mails) > size else None
    return mails[:size], older


def find_mail(session: Session, actor: Actor, mail_id: int) -> Mail | None:
    """Return a mail that the Outbox page may show."""
    query = visible(Mail, actor).where(Mail.id == mail_id, Mail.state.in_(SHOWN_STATES))
    return session.scalar(query)


def count_by_state(session: Session, actor: Actor) -> dict[str, int]:
    """Count the mails by state."""
    query = (
        select(Mail.state, func.count()).where(scope_condition(Mail, actor)).group_by(Mail.state)
    )
    rows = session.execute(query).all()
    return {state: count for state, count in rows}  # noqa: C416 - rows are not pairs
