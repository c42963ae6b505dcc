"""Sessions: opened at the door, asked for at every request, ended from anywhere."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.security.models import SignInSession
from app.types import now

# How long a half-open door stays so.
HALF_OPEN = timedelta(minutes=10)


def digest(token: str) -> str:
    """Return what is kept of a token: it has 256 random bits, so a plain hash will do."""
    return hashlib.sha256(token.encode()).hexdigest()


def open_session(
    session: Session, user_id: int, *, address: str = "", agent: str = "", is_full: bool = True
) -> str:
    """Note that somebody signed in; return the token for their cookie, kept nowhere else."""
    token = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            user_id=user_id,
            token_hash=digest(token),
            is_full=is_full,
            expires_at=now() + (_absolute() if is_full else HALF_OPEN),
            address=address[:64],
            agent=agent[:200],
        )
    )
    session.flush()
    return token


def _absolute() -> timedelta:
    """Return how long a session lasts at most, whatever is done in it."""
    return timedelta(hours=current_app.config["SESSION_HOURS"])


def idle_limit() -> timedelta:
    """Return how long a session lasts in which nothing is done."""
    return timedelta(minutes=current_app.config["IDLE_MINUTES"])


def live(is_full: bool = True):
    """Return the conditions of a session that has not ended."""
    return (
        SignInSession.is_full.is_(is_full),
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > now(),
    )


def session_of(session: Session, token: str, *, is_full: bool = True) -> SignInSession | None:
    """Return the live session a token belongs to."""
    return session.scalar(
        select(SignInSession).where(SignInSession.token_hash == digest(token), *live(is_full))
    )


def sessions_of(session: Session, user_id: int) -> list[SignInSession]:
    """Return where somebody is signed in, the last used first.

    What has been left alone for too long is not in the list: its cookie opens nothing any more.
    ``seen_at`` may lag two minutes behind (see ``app.security.last_seen``).
    """
    unused = now() - idle_limit() - timedelta(minutes=2)
    query = select(SignInSession).where(
        SignInSession.user_id == user_id, *live(), SignInSession.seen_at > unused
    )
    return list(session.scalars(query.order_by(SignInSession.seen_at.desc())))


def end_session(session: Session, user_id: int, session_id: int, because: str) -> bool:
    """End one of somebody's sessions; say whether there was one."""
    ended = session.execute(
        update(SignInSession)
        .where(
            SignInSession.id == session_id,
            SignInSession.user_id == user_id,
            SignInSession.ended_at.is_(None),
        )
        .values(ended_at=now(), ended_because=because)
        .execution_options(synchronize_session=False)
    )
    return ended.rowcount == 1  # type: ignore[attr-defined]


def note_seen(session: Session, seen: Mapping[str, datetime]) -> None:
    """Write when some sessions, named by what is kept of their tokens, were last used."""
    for token_hash, moment in seen.items():
        session.execute(
            update(SignInSession)
            .where(SignInSession.token_hash == token_hash, SignInSession.seen_at < moment)
            .values(seen_at=moment)
            .execution_options(synchronize_session=False)
        )


def sweep(session: Session, days: int = 30) -> None:
    """Forget sessions that ended, or should have, so many days ago."""
    before = now() - timedelta(days=days)
    session.execute(
        delete(SignInSession)
        .where(or_(SignInSession.ended_at < before, SignInSession.expires_at < before))
        .execution_options(synchronize_session=False)
    )


def end_sessions(
    session: Session, user_ids: Iterable[int], because: str, *, keep: str | None = None
) -> None:
    """End every session of some users at once, but the one whose token is ``keep``."""
    statement = (
        update(SignInSession)
        .where(SignInSession.user_id.in_(sorted(set(user_ids))), SignInSession.ended_at.is_(None))
        .values(ended_at=now(), ended_because=because)
        .execution_options(synchronize_session=False)
    )
    if keep is not None:
        statement = statement.where(SignInSession.token_hash != digest(keep))
    session.execute(statement)
