"""Periodic tasks of jobs: requeue stalled ones, delete old ones."""

from __future__ import annotations

import logging

from flask import Flask

from app.database import reading
from app.extensions import db
from app.jobs.queue import get_job_queue
from app.jobs.recovery import delete_old_jobs, find_stalled
from app.periodic import PeriodicTask

logger = logging.getLogger(__name__)


class RequeueStalledJobs(PeriodicTask):
    """Notify workers of jobs that are due and not running.

    Their notification was lost, their retry is due, or their worker died.
    """

    interval_seconds = 5

    def run(self, app: Flask) -> None:
        """Notify workers, unless notifications are pending: workers are busy, or there are none."""
        session = db.session()
        with reading():
            job_ids = find_stalled(session)
            session.rollback()
        if not job_ids:
            return
        queue = get_job_queue(app)
        if queue is not None and not queue.has_pending():
            queue.notify_workers(job_ids)


class DeleteOldJobs(PeriodicTask):
    """Delete jobs that ended long ago."""

    interval_seconds = 6 * 3600

    def run(self, app: Flask) -> None:
        """Delete them and commit."""
        delete_old_jobs(db.session())
        db.session.commit()
