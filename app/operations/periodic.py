"""The periodic task that deletes old drafts of operations and expired undo data."""

from __future__ import annotations

from flask import Flask

from app.extensions import db
from app.operations.services import delete_expired_items, delete_old_drafts
from app.periodic import PeriodicTask, is_stopping

# Items deleted in one transaction.
CHUNK_SIZE = 500


class DeleteExpiredOperations(PeriodicTask):
    """Delete drafts nobody confirmed, and items once their operation can no longer be undone."""

    interval_seconds = 3600

    def run(self, app: Flask) -> None:
        """Delete them in chunks."""
        delete_old_drafts(db.session())
        db.session.commit()
        while not is_stopping() and delete_expired_items(db.session(), CHUNK_SIZE):
            db.session.commit()
        db.session.rollback()
