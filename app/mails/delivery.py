"""Deliver due mails; each is claimed, composed, sent and marked in transactions of its own."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections import Counter
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, current_app
from sqlalchemy import or_, select, update

from app.database import reading
from app.extensions import db
from app.logs import log_error
from app.mails.kinds import get_email_kind
from app.mails.models import Mail
from app.mails.transport import (
    Envelope,
    PermanentFailure,
    ServerUnreachable,
    SmtpConnection,
    TemporaryFailure,
    UnknownOutcome,
    build_envelope,
    is_development,
    open_connection,
)
from app.periodic import is_stopping
from app.types import now

logger = logging.getLogger(__name__)

# A mail in state "sending" for this long belongs to a process that has died.
LEASE_DURATION = timedelta(minutes=10)
# The wait after the first, second… attempt; the attempt after the last wait is the final one.
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))
# The wait while the mail server cannot be reached; this counts as an attempt of no mail.
OUTAGE_DELAY = timedelta(minutes=1)


def deliver_due(app: Flask) -> Counter[str]:
    """Send due mails, or store them for the Outbox page; return the number by resulting state.

    Must not run inside a transaction: it opens short ones of its own, and none is open while it
    talks to the mail server.
    """
    counts: Counter[str] = Counter()
    db.session.rollback()
    if not _has_due_mails():
        return counts
    counts += _recover()
    if is_development(app):
        _deliver(counts, None)
        return counts
    try:
        with open_connection(app) as connection:
            _deliver(counts, connection)
    except ServerUnreachable as error:
        counts["queued"] += _postpone(str(error))
        logger.warning("The mail server cannot be reached: %s", error)
    return counts


def _deliver(counts: Counter[str], connection: SmtpConnection | None) -> None:
    while not is_stopping():
        if connection is not None:
            connection.open()
        claim = _claim()
        if claim is None:
            return
        mail_id, attempt = claim
        envelope = _compose(mail_id, attempt, counts, should_store=connection is None)
        if envelope is not None and connection is not None:
            counts[_send(connection, envelope, mail_id, attempt)] += 1


def _has_due_mails() -> bool:
    with reading():
        due_id = db.session.scalar(select(Mail.id).where(_is_due()).limit(1))
        db.session.rollback()
    return due_id is not None


def _is_due():
    return or_(Mail.state == "queued", Mail.state == "sending") & (Mail.due_at <= now())


def _claim() -> tuple[int, int] | None:
    """Claim one due mail for this process; return its id and the attempt number, or None."""
    mail = db.session.scalar(
        select(Mail)
        .where(Mail.state == "queued", Mail.due_at <= now())
        .order_by(Mail.due_at, Mail.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if mail is None:
        db.session.rollback()
        return None
    mail.state = "sending"
    mail.attempts += 1
    mail.due_at = now() + LEASE_DURATION
    claim = mail.id, mail.attempts
    db.session.commit()
    return claim


def _compose(
    mail_id: int, attempt: int, counts: Counter[str], *, should_store: bool
) -> Envelope | None:
    """Compose a mail; return it, or None if it needs no sending: stored, dropped or failed."""
    try:
        envelope, state = _render(mail_id, attempt, should_store=should_store)
    except PermanentFailure as error:
        db.session.rollback()
        envelope, state = None, _finish(mail_id, attempt, "failed", str(error))
    except Exception as error:
        db.session.rollback()
        reference = log_error(logger, error, "mail %s could not be composed", mail_id)
        envelope, state = None, _finish(mail_id, attempt, "failed", f"composing: {reference}")
    if state is not None:
        counts[state] += 1
    return envelope


def _render(
    mail_id: int, attempt: int, *, should_store: bool
) -> tuple[Envelope | None, str | None]:
    """Compose a mail; return its envelope and its state if it has ended.

    Both are None if another process has claimed it since.
    """
    claimed = (Mail.id == mail_id, Mail.state == "sending", Mail.attempts == attempt)
    mail = db.session.scalar(
        select(Mail).where(*claimed).with_for_update().execution_options(populate_existing=True)
    )
    if mail is None:
        db.session.rollback()
        return None, None
    kind = get_email_kind(mail.kind)
    if kind is None:
        raise PermanentFailure("kind")
    if mail.created_at + kind.max_age < now():
        if mail.user_id is None:
            # It holds what was typed at the login page, perhaps a password: do not store it any longer.
            mail.data = None
            db.session.commit()
        raise PermanentFailure("late")
    content = kind.compose(db.session(), mail)
    state = None
    envelope = None
    if content is None:
        state = mail.state = "dropped"
        mail.data = None
    else:
        sender = current_app.config["MAIL_DEFAULT_SENDER"]
        envelope = build_envelope(content, sender, _message_id(mail))
        mail.recipient, mail.subject = content.to_address[:320], content.subject[:200]
        if should_store:
            state = mail.state = "kept"
            mail.content = envelope.as_bytes().decode()
            mail.data, mail.sent_at, mail.error = None, now(), ""
            envelope = None
    db.session.commit()
    return envelope, state


def _send(connection: SmtpConnection, envelope: Envelope, mail_id: int, attempt: int) -> str:
    try:
        connection.send_envelope(envelope)
    except PermanentFailure as error:
        return _finish(mail_id, attempt, "failed", str(error))
    except TemporaryFailure as error:
        return _retry_later(mail_id, attempt, str(error))
    except UnknownOutcome as error:
        if _is_repeatable(mail_id):
            return _retry_later(mail_id, attempt, str(error))
        return _finish(mail_id, attempt, "failed", "uncertain")
    return _finish(mail_id, attempt, "sent", "")


def _retry_later(mail_id: int, attempt: int, error: str) -> str:
    if attempt > len(RETRY_DELAYS):
        return _finish(mail_id, attempt, "failed", error)
    return _finish(mail_id, attempt, "queued", error, due_at=now() + RETRY_DELAYS[attempt - 1])


def _finish(mail_id: int, attempt: int, state: str, error: str, **more) -> str:
    """Write the result of an attempt, unless another process has claimed the mail since."""
    values = {"state": state, "error": error[:200]} | more
    if state == "sent":
        values |= {"sent_at": now(), "data": None}
    db.session.execute(
        update(Mail)
        .where(Mail.id == mail_id, Mail.state == "sending", Mail.attempts == attempt)
        .values(values)
    )
    db.session.commit()
    return state


def _is_repeatable(mail_id: int) -> bool:
    mail = db.session.get(Mail, mail_id)
    kind = None if mail is None else get_email_kind(mail.kind)
    db.session.rollback()
    return kind is not None and kind.is_repeatable


def _recover() -> Counter[str]:
    """Requeue, or fail, mails whose process died while it sent them."""
    counts: Counter[str] = Counter()
    abandoned = db.session.scalars(
        select(Mail)
        .where(Mail.state == "sending", Mail.due_at <= now())
        .with_for_update(skip_locked=True)
    )
    for mail in abandoned:
        kind = get_email_kind(mail.kind)
        if kind is not None and kind.is_repeatable and mail.attempts <= len(RETRY_DELAYS):
            mail.state, mail.due_at = "queued", now()
        else:
            mail.state, mail.error = "failed", "interrupted"
            counts["failed"] += 1
    db.session.commit()
    return counts


def _postpone(error: str) -> int:
    """Postpone all due mails by OUTAGE_DELAY and write the error; return their number."""
    result = db.session.execute(
        update(Mail)
        .where(Mail.state == "queued", Mail.due_at <= now())
        .values(due_at=now() + OUTAGE_DELAY, error=error[:200])
    )
    db.session.commit()
    return result.rowcount  # type: ignore[attr-defined]


def _message_id(mail: Mail) -> str:
    """Return the Message-ID of a mail, the same at every attempt."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    text = f"mail {mail.id} {mail.created_at.isoformat()}".encode()
    digest = hmac.new(key, text, hashlib.sha256).hexdigest()[:20]
    host = urlsplit(current_app.config["PUBLIC_URL"]).hostname
    return f"<{mail.id}.{digest}@{host}>"
