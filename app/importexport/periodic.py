"""The periodic task that deletes uploads nobody went on with."""

from __future__ import annotations

from flask import Flask

from app.importexport.uploads import delete_expired
from app.periodic import PeriodicTask


class DeleteExpiredUploads(PeriodicTask):
    """Delete uploaded files, which hold personal data, after a day."""

    interval_seconds = 3600

    def run(self, app: Flask) -> None:
        """Delete them."""
        delete_expired(app.config["DATA_DIR"])
