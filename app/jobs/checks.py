"""Check that jobs are picked up and that the job queue can be reached."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.checks import DANGER, WARNING, Check, CheckMessage
from app.jobs.queue import get_job_queue
from app.jobs.recovery import count_overdue


class OverdueJobs(Check):
    """Report jobs that have been due for more than 5 minutes."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        count = count_overdue(session, timedelta(minutes=5))
        if not count:
            return None
        return CheckMessage(
            WARNING,
            ngettext(
                "%(num)d process has been waiting for more than 5 minutes.",
                "%(num)d processes have been waiting for more than 5 minutes.",
                count,
            ),
            _l("Start a worker with the “worker” command, or increase PADRON_WORKERS."),
        )


class UnreachableRedis(Check):
    """Report a Redis server that does not answer."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if app.config["REDIS_URL"] is None or (queue := get_job_queue(app)) is None:
            return None
        try:
            queue.count_pending()
        except (RedisError, OSError):
            return CheckMessage(
                DANGER,
                _l(
                    "The Redis server in PADRON_REDIS_URL is not responding. No processes are started."
                ),
                _l("Start it, or remove PADRON_REDIS_URL to run processes on the web server."),
            )
        return None
