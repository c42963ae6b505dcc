"""Periodic tasks: delete the keys of forms that were sent long ago."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import delete

from app.crud.models import FormSubmission
from app.extensions import db
from app.periodic import PeriodicTask
from app.types import now

KEPT_FOR = timedelta(days=1)


class DeleteOldFormSubmissions(PeriodicTask):
    """Delete the keys of forms that were sent more than a day ago."""

    interval_seconds = 3600

    def run(self, app: Flask) -> None:
        """Delete them."""
        limit = now() - KEPT_FOR
        db.session.execute(delete(FormSubmission).where(FormSubmission.created_at < limit))
        db.session.commit()
