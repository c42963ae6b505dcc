"""What signing in leaves in the database: sessions, counters of attempts, links, recovery codes."""

from __future__ import annotations

from datetime import datetime

from flask_appbuilder import Model
from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.types import Moment, now


class SignInSession(Model):
    """One browser in which somebody is signed in, or has given a password and not yet a code.

    The cookie holds a token of 256 random bits; only its SHA-256 is kept here. A row that has
    ended stays for the list of sessions until it is swept away.
    """

    __tablename__ = "sign_in_session"
    __table_args__ = (Index("ix_sign_in_session_user", "user_id", "ended_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # False until the second factor is given: nobody is signed in by such a session.
    is_full: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    seen_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_because: Mapped[str | None] = mapped_column(String(24))
    address: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")


class AttemptCounter(Model):
    """How often something was tried since a moment: wrong passwords, codes, asked links.

    ``key`` says what and by whom, hashed where it would hold what somebody typed.
    """

    __tablename__ = "attempt_counter"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    since: Mapped[datetime] = mapped_column(Moment, index=True)
    count: Mapped[int]


class OneTimeLink(Model):
    """A link sent by mail that lets its owner do one thing, once, for a short while.

    ``binding`` is a digest of what must not have changed meanwhile (e-mail, password), so that
    any such change kills the link.
    """

    __tablename__ = "one_time_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(24))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    binding: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class RecoveryCode(Model):
    """One of the codes that open the door when the telephone is lost; each works once."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(Moment)
