"""Tables of authentication: login sessions, attempt counters, one-time links, recovery codes.

The rows are mixins, so that each population has tables of its own: a token of one of them is
never found in another one's, and an id never means somebody else. The tables here are the staff's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.types import UTCDateTime, now


class SessionRow:
    """Mixin: a login session of a browser; pending while the second factor is missing.

    The cookie holds a token of 256 random bits; only its SHA-256 is stored here. A row that has
    ended stays until the periodic task deletes it. ``user_id`` is the foreign key of the account.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Any
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # False for a pending session: nobody is logged in by it.
    is_full: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_because: Mapped[str | None] = mapped_column(String(24))
    address: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")


class LinkRow:
    """Mixin: a link sent by mail that allows one action, once, for a limited time.

    ``binding`` is a hash of the account's e-mail and password: changing either invalidates the
    link. ``user_id`` is the foreign key of the account.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Any
    purpose: Mapped[str] = mapped_column(String(24))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    binding: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class RecoveryCodeRow:
    """Mixin: a recovery code, which replaces the second factor once.

    ``user_id`` is the foreign key of the account.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Any
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class SignInSession(Model, SessionRow):
    """A login session of a user of the back-office."""

    __tablename__ = "sign_in_session"
    __table_args__ = (Index("ix_sign_in_session_user", "user_id", "ended_at"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))


class OneTimeLink(Model, LinkRow):
    """A one-time link of a user of the back-office."""

    __tablename__ = "one_time_link"

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)


class RecoveryCode(Model, RecoveryCodeRow):
    """A recovery code of a user of the back-office."""

    __tablename__ = "recovery_code"

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)


class AttemptCounter(Model):
    """A throttle counter: attempts (passwords, codes, requested links) since a moment.

    ``key`` names the kind and the subject; typed text in it is hashed.
    """

    __tablename__ = "attempt_counter"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    since: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    count: Mapped[int]
