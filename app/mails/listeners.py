"""Kick the delivery of mails once they are committed."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.mails.periodic import DeliverMails


@event.listens_for(Session, "after_commit")
def _deliver(session: Session) -> None:
    if session.info.get("mails_queued") and not session.in_nested_transaction():
        del session.info["mails_queued"]
        DeliverMails.wake()


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, transaction) -> None:
    if not transaction.nested:
        session.info.pop("mails_queued", None)
