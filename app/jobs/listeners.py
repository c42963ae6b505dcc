"""Kick jobs once they are committed, and forget those that never were."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.jobs.queue import kick


@event.listens_for(Session, "after_commit")
def _kick(session: Session) -> None:
    # A savepoint's end commits nothing yet.
    if session.info.get("kicks") and not session.in_nested_transaction():
        kick(session.info.pop("kicks"))


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, transaction) -> None:
    if not transaction.nested:
        session.info.pop("kicks", None)
