"""Deliver due messages; each is claimed, composed, sent and marked in transactions of its own."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app
from sqlalchemy import and_, select, update

from app.database import reading
from app.extensions import db
from app.logs import log_error
from app.outbox.kinds import (
    Channel,
    Connection,
    PermanentFailure,
    ServerUnreachable,
    TemporaryFailure,
    UnknownOutcome,
    get_message_kind,
)
from app.outbox.models import Message, Priority
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
    """Send due messages, or store them for the Outbox page; return the number by resulting state.

    Must not run inside a transaction: it opens short ones of its own, and none is open while it
    talks to a server.
    """
    counts: Counter[str] = Counter()
    db.session.rollback()
    for channel in Channel.all():
        if _has_due_messages(channel.name):
            counts += _recover(channel.name)
            _deliver_channel(app, channel(), counts)
    return counts


def _deliver_channel(app: Flask, channel: Channel, counts: Counter[str]) -> None:
    if not channel.is_configured(app):
        _deliver(channel, counts, None)
        return
    try:
        with channel.connect(app) as connection:
            _deliver(channel, counts, connection)
    except ServerUnreachable as error:
        counts["queued"] += _postpone(channel.name, str(error))
        logger.warning("The server of the channel %s cannot be reached: %s", channel.name, error)


def _deliver(channel: Channel, counts: Counter[str], connection: Connection | None) -> None:
    while not is_stopping():
        if connection is not None:
            connection.open()
        claim = _claim(channel.name)
        if claim is None:
            return
        packed = _compose(channel, *claim, counts, should_store=connection is None)
        if packed is not None and connection is not None:
            counts[_send(connection, packed, *claim)] += 1


def _is_due(channel: str, state: str, priorities: tuple[int, ...] = tuple(Priority)):
    """Return the condition of due messages, all of whose parts the index ``_due`` serves."""
    return and_(
        Message.state == state,
        Message.channel == channel,
        Message.priority.in_(priorities),
        Message.due_at <= now(),
    )


def _has_due_messages(channel: str) -> bool:
    with reading():
        found = [
            db.session.scalar(select(Message.id).where(_is_due(channel, state)).limit(1))
            for state in ("queued", "sending")
        ]
        db.session.rollback()
    return any(found)


def _claim(channel: str) -> tuple[int, int] | None:
    """Claim a due message for this process; return its id and the attempt number, or None."""
    message = next(filter(None, (_next_due(channel, priority) for priority in Priority)), None)
    if message is None:
        db.session.rollback()
        return None
    message.state = "sending"
    message.attempts += 1
    message.due_at = now() + LEASE_DURATION
    claim = message.id, message.attempts
    db.session.commit()
    return claim


def _next_due(channel: str, priority: Priority) -> Message | None:
    """Lock the next due message of a priority.

    Asked for one priority, the index has the answer first, however many wait for a later day.
    """
    return db.session.scalar(
        select(Message)
        .where(_is_due(channel, "queued", (priority,)))
        .order_by(Message.due_at, Message.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _compose(
    channel: Channel,
    message_id: int,
    attempt: int,
    counts: Counter[str],
    *,
    should_store: bool,
) -> Any:
    """Compose a message; return it, or None if it needs no sending: stored, dropped or failed."""
    try:
        packed, state = _render(channel, message_id, attempt, should_store=should_store)
    except PermanentFailure as error:
        db.session.rollback()
        packed, state = None, _finish(message_id, attempt, "failed", str(error))
    except Exception as error:
        db.session.rollback()
        reference = log_error(logger, error, "message %s could not be composed", message_id)
        packed, state = None, _finish(message_id, attempt, "failed", f"composing: {reference}")
    if state is not None:
        counts[state] += 1
    return packed


def _render(
    channel: Channel, message_id: int, attempt: int, *, should_store: bool
) -> tuple[Any, str | None]:
    """Compose a message; return it as the channel packs it, and its state if it has ended.

    Both are None if another process has claimed it since.
    """
    claimed = (Message.id == message_id, Message.state == "sending", Message.attempts == attempt)
    message = db.session.scalar(
        select(Message).where(*claimed).with_for_update().execution_options(populate_existing=True)
    )
    if message is None:
        db.session.rollback()
        return None, None
    kind = get_message_kind(message.kind)
    if kind is None:
        raise PermanentFailure("kind")
    if message.created_at + kind.max_age < now():
        if message.recipient_id is None:
            # It holds what was typed at the login page, perhaps a password: do not store it any longer.
            message.data = None
            db.session.commit()
        raise PermanentFailure("late")
    content = kind.compose(db.session(), message)
    state = None
    packed = None
    if content is None:
        state = message.state = "dropped"
        message.data = None
    else:
        packed = channel.pack(content, _message_id(message))
        message.recipient, message.subject = content.to_address[:320], content.subject[:200]
        if should_store:
            state = message.state = "kept"
            message.content = channel.to_text(packed)
            message.data, message.sent_at, message.error = None, now(), ""
            packed = None
    db.session.commit()
    return packed, state


def _send(connection: Connection, packed: Any, message_id: int, attempt: int) -> str:
    try:
        connection.deliver(packed)
    except PermanentFailure as error:
        return _finish(message_id, attempt, "failed", str(error))
    except TemporaryFailure as error:
        return _retry_later(message_id, attempt, str(error))
    except UnknownOutcome as error:
        if _is_repeatable(message_id):
            return _retry_later(message_id, attempt, str(error))
        return _finish(message_id, attempt, "failed", "uncertain")
    return _finish(message_id, attempt, "sent", "")


def _retry_later(message_id: int, attempt: int, error: str) -> str:
    if attempt > len(RETRY_DELAYS):
        return _finish(message_id, attempt, "failed", error)
    return _finish(message_id, attempt, "queued", error, due_at=now() + RETRY_DELAYS[attempt - 1])


def _finish(message_id: int, attempt: int, state: str, error: str, **more) -> str:
    """Write the result of an attempt, unless another process has claimed the message since."""
    values = {"state": state, "error": error[:200]} | more
    if state == "sent":
        values |= {"sent_at": now(), "data": None}
    db.session.execute(
        update(Message)
        .where(Message.id == message_id, Message.state == "sending", Message.attempts == attempt)
        .values(values)
    )
    db.session.commit()
    return state


def _is_repeatable(message_id: int) -> bool:
    message = db.session.get(Message, message_id)
    kind = None if message is None else get_message_kind(message.kind)
    db.session.rollback()
    return kind is not None and kind.is_repeatable


def _recover(channel: str) -> Counter[str]:
    """Requeue, or fail, messages whose process died while it sent them."""
    counts: Counter[str] = Counter()
    abandoned = db.session.scalars(
        select(Message).where(_is_due(channel, "sending")).with_for_update(skip_locked=True)
    )
    for message in abandoned:
        kind = get_message_kind(message.kind)
        if kind is not None and kind.is_repeatable and message.attempts <= len(RETRY_DELAYS):
            message.state, message.due_at = "queued", now()
        else:
            message.state, message.error = "failed", "interrupted"
            counts["failed"] += 1
    db.session.commit()
    return counts


def _postpone(channel: str, error: str) -> int:
    """Postpone all due messages by OUTAGE_DELAY and write the error; return their number."""
    result = db.session.execute(
        update(Message)
        .where(_is_due(channel, "queued"))
        .values(due_at=now() + OUTAGE_DELAY, error=error[:200])
    )
    db.session.commit()
    return result.rowcount  # type: ignore[attr-defined]


def _message_id(message: Message) -> str:
    """Return the Message-ID of a message, the same at every attempt."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    text = f"mail {message.id} {message.created_at.isoformat()}".encode()
    digest = hmac.new(key, text, hashlib.sha256).hexdigest()[:20]
    host = urlsplit(current_app.config["PUBLIC_URL"]).hostname
    return f"<{message.id}.{digest}@{host}>"
