"""Deliver the mails that are due; each is claimed, composed, sent and marked by itself."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections import Counter
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, current_app
from sqlalchemy import or_, select, update

from app.periodic import is_stopping
from app.extensions import db, reading
from app.mails.kinds import kind_named
from app.mails.models import Mail
from app.mails.transport import (
    Envelope,
    Line,
    Refused,
    Uncertain,
    Unreachable,
    Unsendable,
    is_development,
    open_line,
    sealed,
)
from app.types import now

logger = logging.getLogger(__name__)

# A mail that is being sent for so long has lost the process that sent it.
LEASE = timedelta(minutes=10)
# How long to wait after the first, second… attempt; after the last one there is no other.
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))
# When the mail server does not answer at all, no mail has used up an attempt.
OUTAGE = timedelta(minutes=1)


def deliver_due(app: Flask) -> Counter[str]:
    """Send what is due, or keep it for the Outbox page; return how many ended in which state.

    Must not run inside a transaction: it makes short ones of its own, none of them while it
    talks to the mail server.
    """
    counts: Counter[str] = Counter()
    db.session.rollback()
    if not _anything_due():
        return counts
    counts += _recover()
    if is_development(app):
        _deliver(counts, None)
        return counts
    try:
        with open_line(app) as line:
            _deliver(counts, line)
    except Unreachable as error:
        counts["queued"] += _postpone(str(error))
        logger.warning("The mail server cannot be reached: %s", error)
    return counts


def _deliver(counts: Counter[str], line: Line | None) -> None:
    while not is_stopping():
        if line is not None:
            line.open()
        claim = _claim()
        if claim is None:
            return
        mail_id, attempt = claim
        envelope = _compose(mail_id, attempt, counts, keeps=line is None)
        if envelope is not None and line is not None:
            counts[_send(line, envelope, mail_id, attempt)] += 1


def _anything_due() -> bool:
    with reading():
        found = db.session.scalar(select(Mail.id).where(_is_due()).limit(1))
        db.session.rollback()
    return found is not None


def _is_due():
    return or_(Mail.state == "queued", Mail.state == "sending") & (Mail.due_at <= now())


def _claim() -> tuple[int, int] | None:
    """Take one mail that is due, so that no other process does; return its number and attempt."""
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
    mail.due_at = now() + LEASE
    claim = mail.id, mail.attempts
    db.session.commit()
    return claim


def _compose(mail_id: int, attempt: int, counts: Counter[str], *, keeps: bool) -> Envelope | None:
    """Write a mail; return it, or None when it has come to its end already."""
    try:
        envelope, state = _written(mail_id, keeps=keeps)
    except Unsendable as error:
        db.session.rollback()
        envelope, state = None, _finish(mail_id, attempt, "failed", str(error))
    except Exception:
        db.session.rollback()
        logger.exception("Mail %s could not be composed.", mail_id)
        envelope, state = None, _finish(mail_id, attempt, "failed", "composing")
    if state is not None:
        counts[state] += 1
    return envelope


def _written(mail_id: int, *, keeps: bool) -> tuple[Envelope | None, str | None]:
    mail = db.session.get(Mail, mail_id)
    kind = None if mail is None else kind_named(mail.kind)
    if mail is None or kind is None:
        raise Unsendable("kind")
    if mail.created_at + kind.keeps < now():
        if mail.user_id is None:
            # What somebody typed at the door may be a password: it is not kept for nothing.
            mail.data = None
            db.session.commit()
        raise Unsendable("late")
    letter = kind.compose(db.session(), mail)
    state = None
    envelope = None
    if letter is None:
        state = mail.state = "dropped"
        mail.data = None
    else:
        sender = current_app.config["MAIL_DEFAULT_SENDER"]
        envelope = sealed(letter, sender, _message_id(mail))
        mail.recipient, mail.subject = letter.to_address[:320], letter.subject[:200]
        if keeps:
            state = mail.state = "kept"
            mail.content = envelope.as_bytes().decode()
            mail.data, mail.sent_at, mail.error = None, now(), ""
            envelope = None
    db.session.commit()
    return envelope, state


def _send(line: Line, envelope: Envelope, mail_id: int, attempt: int) -> str:
    try:
        line.hand_over(envelope)
    except Unsendable as error:
        return _finish(mail_id, attempt, "failed", str(error))
    except Refused as error:
        return _again(mail_id, attempt, str(error))
    except Uncertain as error:
        if _repeats(mail_id):
            return _again(mail_id, attempt, str(error))
        return _finish(mail_id, attempt, "failed", "uncertain")
    return _finish(mail_id, attempt, "sent", "")


def _again(mail_id: int, attempt: int, error: str) -> str:
    if attempt > len(BACK_OFF):
        return _finish(mail_id, attempt, "failed", error)
    return _finish(mail_id, attempt, "queued", error, due_at=now() + BACK_OFF[attempt - 1])


def _finish(mail_id: int, attempt: int, state: str, error: str, **more) -> str:
    """Mark how an attempt ended, unless the mail was taken from us meanwhile."""
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


def _repeats(mail_id: int) -> bool:
    mail = db.session.get(Mail, mail_id)
    kind = None if mail is None else kind_named(mail.kind)
    db.session.rollback()
    return kind is not None and kind.repeats


def _recover() -> Counter[str]:
    """Take up mails whose process was killed while it sent them."""
    counts: Counter[str] = Counter()
    lost = db.session.scalars(
        select(Mail)
        .where(Mail.state == "sending", Mail.due_at <= now())
        .with_for_update(skip_locked=True)
    )
    for mail in lost:
        kind = kind_named(mail.kind)
        if kind is not None and kind.repeats and mail.attempts <= len(BACK_OFF):
            mail.state, mail.due_at = "queued", now()
        else:
            mail.state, mail.error = "failed", "interrupted"
            counts["failed"] += 1
    db.session.commit()
    return counts


def _postpone(error: str) -> int:
    """Let everything that is due wait a little, and say why."""
    result = db.session.execute(
        update(Mail)
        .where(Mail.state == "queued", Mail.due_at <= now())
        .values(due_at=now() + OUTAGE, error=error[:200])
    )
    db.session.commit()
    return result.rowcount  # type: ignore[attr-defined]


def _message_id(mail: Mail) -> str:
    """Return the number a mail is known by everywhere, the same at every attempt."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    said = f"mail {mail.id} {mail.created_at.isoformat()}".encode()
    mark = hmac.new(key, said, hashlib.sha256).hexdigest()[:20]
    host = urlsplit(current_app.config["PUBLIC_URL"]).hostname
    return f"<{mail.id}.{mark}@{host}>"
