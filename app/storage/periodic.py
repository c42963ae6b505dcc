"""The periodic task that deletes the files no row names."""

from __future__ import annotations

from flask import Flask

from app.extensions import db
from app.periodic import PeriodicTask
from app.storage.services import collect_unused_files


class DeleteUnusedFiles(PeriodicTask):
    """Delete files of refused forms after a day, and replaced ones after a month."""

    interval_seconds = 3600

    def run(self, app: Flask) -> None:
        """Delete them."""
        collect_unused_files(db.session())
