"""Login sessions, stored as rows: create, find, list, end.

``model`` is the table of the sessions of one population, such as SignInSession.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.security.models import SessionRow
from app.types import now

# Lifetime of a pending session: password given, second factor missing.
PENDING_LIFETIME = timedelta(minutes=10)

Row = TypeVar("Row", bound=SessionRow)


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token; with 256 random bits it needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_session(
    session: Session,
    model: Any,
    user_id: int,
    *,
    address: str = "",
    agent: str = "",
    is_full: bool = True,
) -> str:
    """Write a session, pending unless ``is_full``; return the token for the cookie."""
    token = secrets.token_urlsafe(32)
    session.add(
        model(
            user_id=user_id,
            token_hash=hash_token(token),
            is_full=is_full,
            expires_at=now() + (_max_lifetime() if is_full else PENDING_LIFETIME),
            address=address[:64],
            agent=agent[:200],
        )
    )
    session.flush()
    return token


def _max_lifetime() -> timedelta:
    """Return the maximum lifetime of a session."""
    return timedelta(hours=current_app.config["SESSION_HOURS"])


def idle_limit() -> timedelta:
    """Return the time after which an idle session ends."""
    return timedelta(minutes=current_app.config["IDLE_MINUTES"])


def live_conditions(model: type[SessionRow], is_full: bool = True, moment: Any = None):
    """Return the conditions of a session that has not ended; ``moment`` is now by default."""
    return (
        model.is_full.is_(is_full),
        model.ended_at.is_(None),
        model.expires_at > (now() if moment is None else moment),
    )


def session_values(token: str) -> dict[str, Any]:
    """Return the values of ``token_hash`` and ``moment`` in a statement about a live session."""
    return {"token_hash": hash_token(token), "moment": now()}


def get_live_session(
    session: Session, model: type[Row], token: str, *, is_full: bool = True
) -> Row | None:
    """Return the live session of a token, or None."""
    return session.scalar(
        select(model).where(
            model.token_hash == hash_token(token), *live_conditions(model, is_full)
        )
    )


def list_live_sessions(session: Session, model: type[Row], user_id: int) -> list[Row]:
    """Return a user's live sessions, the last used first; idle ones are left out.

    ``seen_at`` may lag two minutes behind (see ``app.security.last_seen``).
    """
    unused = now() - idle_limit() - timedelta(minutes=2)
    query = select(model).where(
        model.user_id == user_id, *live_conditions(model), model.seen_at > unused
    )
    return list(session.scalars(query.order_by(model.seen_at.desc())))


def end_session(
    session: Session, model: type[SessionRow], user_id: int, session_id: int, because: str
) -> bool:
    """End one of a user's sessions; return False if there is none."""
    ended = session.execute(
        update(model)
        .where(
            model.id == session_id,
            model.user_id == user_id,
            model.ended_at.is_(None),
        )
        .values(ended_at=now(), ended_because=because)
        .execution_options(synchronize_session=False)
    )
    return ended.rowcount == 1  # type: ignore[attr-defined]


def record_last_seen(
    session: Session, model: type[SessionRow], seen: Mapping[str, datetime]
) -> None:
    """Write the time of last use of some sessions, given by token hash."""
    for token_hash, moment in seen.items():
        session.execute(
            update(model)
            .where(model.token_hash == token_hash, model.seen_at < moment)
            .values(seen_at=moment)
            .execution_options(synchronize_session=False)
        )


def delete_old_sessions(session: Session, model: type[SessionRow], days: int = 30) -> None:
    """Delete sessions that ended or expired more than ``days`` ago."""
    before = now() - timedelta(days=days)
    session.execute(
        delete(model)
        .where(or_(model.ended_at < before, model.expires_at < before))
        .execution_options(synchronize_session=False)
    )


def end_sessions(
    session: Session,
    model: type[SessionRow],
    user_ids: Iterable[int],
    because: str,
    *,
    keep: str | None = None,
) -> None:
    """End all sessions of some users, except the one with the token ``keep``."""
    statement = (
        update(model)
        .where(model.user_id.in_(sorted(set(user_ids))), model.ended_at.is_(None))
        .values(ended_at=now(), ended_because=because)
        .execution_options(synchronize_session=False)
    )
    if keep is not None:
        statement = statement.where(model.token_hash != hash_token(keep))
    session.execute(statement)
