"""Periodic tasks of messages: send those that are due, delete old ones."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from app.extensions import db
from app.outbox.delivery import deliver_due
from app.outbox.services import delete_old_messages
from app.periodic import PeriodicTask


class DeliverMessages(PeriodicTask):
    """Send the messages that are due; also run after each commit that queued one."""

    interval_seconds = 20
    has_own_thread = True

    def run(self, app: Flask) -> None:
        """Send them."""
        deliver_due(app)


class DeleteOldMessages(PeriodicTask):
    """Delete messages that were sent, failed or dropped long ago."""

    interval_seconds = 6 * 3600

    def run(self, app: Flask) -> None:
        """Delete them and commit."""
        delete_old_messages(db.session(), timedelta(days=30))
        db.session.commit()
