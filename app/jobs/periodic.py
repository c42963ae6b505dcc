"""Find jobs nobody is at, and forget those of long ago."""

from __future__ import annotations

import logging

from flask import Flask

from app.periodic import Chore
from app.extensions import db, reading
from app.jobs.queue import carrier_of
from app.jobs.recovery import forget_old, unattended

logger = logging.getLogger(__name__)


class SweepJobs(Chore):
    """Kick jobs whose kick was lost, whose time has come, or whose worker died."""

    every = 5

    def run(self, app: Flask) -> None:
        """Kick them, unless kicks lie about already: workers are busy, or there are none."""
        session = db.session()
        with reading():
            found = unattended(session)
            session.rollback()
        if not found:
            return
        carrier = carrier_of(app)
        if carrier is not None and not carrier.has_more():
            carrier.kick(found)


class ForgetJobs(Chore):
    """Delete what ended long ago."""

    every = 6 * 3600

    def run(self, app: Flask) -> None:
        """Delete it."""
        forget_old(db.session())
        db.session.commit()
