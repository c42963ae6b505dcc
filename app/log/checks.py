"""Checks of the log: it is sealed, and the last seal matches."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.checks import DANGER, WARNING, Check, CheckMessage
from app.log.models import LogEntry, LogSeal
from app.log.verification import verify_last
from app.types import now

MAX_UNSEALED_AGE = timedelta(hours=1)


class UnsealedLog(Check):
    """Report entries not sealed for over an hour: a change of them would not be detected."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        # While old entries are sealed anew, the last seal is not the one that reaches furthest.
        sealed = select(func.coalesce(func.max(LogSeal.last_id), 0)).scalar_subquery()
        oldest = session.scalar(
            select(LogEntry.at).where(LogEntry.id > sealed).order_by(LogEntry.id).limit(1)
        )
        if oldest is None or oldest > now() - MAX_UNSEALED_AGE:
            return None
        return CheckMessage(
            WARNING,
            _l("The log has not been sealed for more than an hour."),
            _l(
                "“flask --app run serve” seals the log three times a minute. If you use another server,"
                " schedule “flask --app run run-periodic” with cron."
            ),
        )


class BrokenSeal(Check):
    """Report a log whose end does not match its last seal."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if verify_last(session, app.config["DATA_DIR"]):
            return None
        return CheckMessage(
            DANGER,
            _l(
                "The end of the log doesn’t match its seal: someone has changed or removed entries."
            ),
            _l(
                "Run “flask --app run log verify” to find out where. After restoring a backup, move the file log.seals out of the data folder."
            ),
        )
