"""Check that a mail server is set."""

from __future__ import annotations

from flask import Flask
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.checks import ADVICE, Check, CheckMessage
from app.outbox.transport import is_development


class DevelopmentMail(Check):
    """Report a missing mail server: mails are stored and not sent."""

    def problem(self, app: Flask, session: Session) -> CheckMessage | None:
        if not is_development(app):
            return None
        return CheckMessage(
            ADVICE,
            _l("No mail server is set up. Messages stay in the outbox and are not delivered."),
            _l("Set PADRON_MAIL_URL, such as smtp://user:password@mail.example.org:587."),
        )
