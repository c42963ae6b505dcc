"""Send the mails that wait, and forget those of long ago."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from app.periodic import Chore
from app.extensions import db
from app.mails.delivery import deliver_due
from app.mails.services import forget_old


class DeliverMails(Chore):
    """Send the mails that are due; woken whenever one was queued."""

    every = 20

    def run(self, app: Flask) -> None:
        """Send them."""
        deliver_due(app)


class ForgetMails(Chore):
    """Delete what was sent, failed or was not needed long ago."""

    every = 6 * 3600

    def run(self, app: Flask) -> None:
        """Delete it."""
        forget_old(db.session(), timedelta(days=30))
        db.session.commit()
