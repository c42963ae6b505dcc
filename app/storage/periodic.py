"""The periodic task that deletes the photos no row names."""

from __future__ import annotations

from flask import Flask

from app.extensions import db
from app.periodic import PeriodicTask
from app.storage.services import collect_unused_photos


class DeleteUnusedPhotos(PeriodicTask):
    """Delete photos of refused forms after a day, and replaced ones after a month."""

    interval_seconds = 3600

    def run(self, app: Flask) -> None:
        """Delete them."""
        collect_unused_photos(db.session())
