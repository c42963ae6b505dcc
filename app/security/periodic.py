"""Keep the list of sessions true, and sweep away what nobody asks for any more."""

from __future__ import annotations

from flask import Flask

from app.periodic import Chore
from app.extensions import db
from app.security import api_keys, one_time_links, last_seen, sessions, throttle


class NoteSeen(Chore):
    """Write when sessions and API keys were last used."""

    every = 60

    def run(self, app: Flask) -> None:
        """Write what this process has seen since the last time."""
        moments, used = last_seen.sessions.take_all(), last_seen.keys.take_all()
        if moments or used:
            sessions.note_seen(db.session(), moments)
            api_keys.note_used(db.session(), used)
            db.session.commit()


class SweepTheDoor(Chore):
    """Forget sessions, links and counts of attempts that are over."""

    every = 3600

    def run(self, app: Flask) -> None:
        """Delete them."""
        sessions.sweep(db.session())
        throttle.sweep(db.session())
        one_time_links.sweep(db.session())
        db.session.commit()
