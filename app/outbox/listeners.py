"""Run the delivery after a commit that queued messages."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.outbox.periodic import DeliverMessages


@event.listens_for(Session, "after_commit")
def _deliver_after_commit(session: Session) -> None:
    if session.info.get("messages_queued") and not session.in_nested_transaction():
        del session.info["messages_queued"]
        DeliverMessages.run_soon()


@event.listens_for(Session, "after_soft_rollback")
def _discard_after_rollback(session: Session, transaction) -> None:
    if not transaction.nested:
        session.info.pop("messages_queued", None)
