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
                "%(num)d job has waited for more than 5 minutes.",
                "%(num)d jobs have waited for more than 5 minutes.",
                count,
            ),
            _l("Let the command “worker” run somewhere, or set PADRON_WORKERS to more."),
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
                _l("The Redis server of PADRON_REDIS_URL does not answer: no job is begun."),
                _l("Start it, or leave PADRON_REDIS_URL out to do jobs where pages are served."),
            )
        return None
