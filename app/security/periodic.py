"""Periodic tasks: write times of last use, delete expired sessions, links and counts."""

from __future__ import annotations

from flask import Flask

from app.extensions import db
from app.periodic import PeriodicTask
from app.security import api_keys, last_seen, one_time_links, sessions, throttle
from app.security.populations import Population, session_models


class RecordLastUse(PeriodicTask):
    """Write when sessions and API keys were last used."""

    interval_seconds = 60

    def run(self, app: Flask) -> None:
        """Write the times that this process has buffered since the last run."""
        moments, used = last_seen.sessions.drain(), last_seen.keys.drain()
        if moments or used:
            for model in session_models():
                seen = {key: moment for (table, key), moment in moments.items() if table is model}
                sessions.record_last_seen(db.session(), model, seen)
            api_keys.record_last_used(db.session(), used)
            db.session.commit()


class DeleteExpiredSessions(PeriodicTask):
    """Delete sessions, one-time links and attempt counters that are no longer needed."""

    interval_seconds = 3600

    def run(self, app: Flask) -> None:
        """Delete them."""
        for population in Population.all():
            sessions.delete_old_sessions(db.session(), population.sessions)
            if population.links is not None:
                one_time_links.delete_expired_links(db.session(), population.links)
        throttle.delete_old_counts(db.session())
        db.session.commit()
