"""The periodic task that deletes what imports nobody went on with have left."""

from __future__ import annotations

from flask import Flask

from app.extensions import db
from app.imports.exports import delete_old_exports
from app.imports.services import delete_expired
from app.periodic import PeriodicTask, is_stopping

# Rows deleted in one transaction.
CHUNK_SIZE = 500


class DeleteExpiredImports(PeriodicTask):
    """Delete drafts whose file has expired, the problems of imports that long ago, old exports."""

    interval_seconds = 3600

    def run(self, app: Flask) -> None:
        """Delete them in chunks."""
        while not is_stopping() and delete_expired(db.session(), CHUNK_SIZE):
            db.session.commit()
        while not is_stopping() and delete_old_exports(db.session(), CHUNK_SIZE):
            db.session.commit()
        db.session.rollback()
