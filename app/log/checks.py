"""Checks of the log: it is sealed, and the last seal matches."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.checks import DANGER, WARNING, Check, CheckMessage
from app.log.models import LogEntry
from app.log.sealing import last_seal
from app.log.verification import verify_last
from app.types import now

MAX_UNSEALED_AGE = timedelta(hours=1)


class UnsealedLog(Check):
    """Report entries not sealed for over an hour: a change of them would not be detected."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        seal = last_seal(session)
        oldest = session.scalar(
            select(LogEntry.at)
            .where(LogEntry.id > (seal.last_id if seal else 0))
            .order_by(LogEntry.id)
            .limit(1)
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
