"""Check whether jobs find somebody who does them."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.checks import DANGER, WARNING, Check, Finding
from app.jobs.queue import carrier_of
from app.jobs.recovery import count_waiting


class JobsWait(Check):
    """Jobs that nobody takes up."""

    def problem(self, app: Flask, session: Session) -> Finding | None:
        count = count_waiting(session, timedelta(minutes=5))
        if not count:
            return None
        return Finding(
            WARNING,
            ngettext(
                "%(num)d job has waited for more than 5 minutes.",
                "%(num)d jobs have waited for more than 5 minutes.",
                count,
            ),
            _l("Let the command “worker” run somewhere, or set PADRON_WORKERS to more."),
        )


class RedisIsSilent(Check):
    """A queue of jobs that cannot be reached."""

    def problem(self, app: Flask, session: Session) -> Finding | None:
        if app.config["REDIS_URL"] is None or (carrier := carrier_of(app)) is None:
            return None
        try:
            carrier.waiting()
        except (RedisError, OSError):
            return Finding(
                DANGER,
                _l("The Redis server of PADRON_REDIS_URL does not answer: no job is begun."),
                _l("Start it, or leave PADRON_REDIS_URL out to do jobs where pages are served."),
            )
        return None
