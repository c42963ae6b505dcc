"""Periodic task: empty the trash of what has been in it for long."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from app.extensions import db
from app.periodic import PeriodicTask, is_stopping
from app.trash.models import purgeable_models
from app.trash.services import purge_old
from app.types import now


class PurgeOldTrash(PeriodicTask):
    """Delete for good what has been in the trash for more than PADRON_TRASH_DAYS, if it is set."""

    interval_seconds = 3600
    # The first time there may be a million.
    has_own_thread = True

    def run(self, app: Flask) -> None:
        """Purge each model, in chunks that are committed one by one."""
        days = app.config["TRASH_DAYS"]
        if not days:
            return
        before = now() - timedelta(days=days)
        for model in purgeable_models():
            for _count in purge_old(db.session(), model, before):
                if is_stopping():
                    return
