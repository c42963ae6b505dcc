"""Notify workers of queued jobs after the commit, and of none after a rollback."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.jobs.queue import notify_workers


@event.listens_for(Session, "after_commit")
def _notify_after_commit(session: Session) -> None:
    # The end of a savepoint is no commit.
    if session.info.get("jobs_to_notify") and not session.in_nested_transaction():
        notify_workers(session.info.pop("jobs_to_notify"))


@event.listens_for(Session, "after_soft_rollback")
def _discard_after_rollback(session: Session, transaction) -> None:
    if not transaction.nested:
        session.info.pop("jobs_to_notify", None)
