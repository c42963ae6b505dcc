"""Throttling: attempts counted in the database, shared by all processes."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import Any

from flask import current_app
from sqlalchemy import Connection, Engine, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.security.models import AttemptCounter
from app.types import now

Executor = Session | Connection


def key_for_text(kind: str, what: str) -> str:
    """Return the counter key of a typed text, which is hashed."""
    secret = current_app.config["SECRET_KEY"].encode()
    hashed = hmac.new(secret, what.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    return f"{kind}:{hashed}"


def key_for_user(kind: str, users: Any, user_id: int) -> str:
    """Return the counter key of an account of the model ``users``, however it was named."""
    return f"{kind}:{users.__tablename__}:{user_id}"


def key_for_address(kind: str, address: str | None) -> str:
    """Return the counter key of an IP address; IPv6 addresses share that of their /64 network."""
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return key_for_text(kind, address or "")
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return key_for_text(kind, str(mapped or IPv6Address(int(parsed) >> 64 << 64)))
    return key_for_text(kind, str(parsed))


def count_within_limit(where: Executor | Engine, key: str, limit: int, minutes: int) -> bool:
    """Count an attempt; return True if there were at most ``limit`` within ``minutes``.

    Count, and commit, *before* the attempt is checked: otherwise a hundred parallel attempts
    would all pass.
    """
    return count_attempt(where, key, minutes) <= limit


def count_attempt(where: Executor | Engine, key: str, minutes: int) -> int:
    """Count an attempt; return the number since the window of ``minutes`` began."""
    if isinstance(where, Engine):
        with where.begin() as connection:
            return count_attempt(connection, key, minutes)
    moment = now()
    window = timedelta(minutes=minutes)
    # A window in the future comes from a clock that was wrong: it must not block anybody.
    is_over = or_(AttemptCounter.since <= moment - window, AttemptCounter.since > moment + window)
    insert = _insert(where)(AttemptCounter).values(key=key, since=moment, count=1)
    statement = insert.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": case((is_over, 1), else_=AttemptCounter.count + 1),
            "since": case((is_over, moment), else_=AttemptCounter.since),
        },
    ).returning(AttemptCounter.count)
    return where.execute(statement).scalar_one()


def get_count(where: Executor, key: str, minutes: int) -> int:
    """Return the number of attempts within ``minutes`` without counting one."""
    moment, window = now(), timedelta(minutes=minutes)
    is_now = AttemptCounter.since.between(moment - window, moment + window)
    found = where.scalar(select(AttemptCounter.count).where(AttemptCounter.key == key, is_now))
    return found or 0


def uncount_attempt(where: Executor, key: str) -> None:
    """Subtract a successful attempt from a count."""
    counter = AttemptCounter
    where.execute(
        update(counter)
        .where(counter.key == key, counter.count > 0)
        .values(count=counter.count - 1)
        .execution_options(synchronize_session=False)
    )


def reset_count(where: Executor, key: str) -> None:
    """Delete the count of a key."""
    where.execute(
        delete(AttemptCounter)
        .where(AttemptCounter.key == key)
        .execution_options(synchronize_session=False)
    )


def delete_old_counts(where: Executor, hours: int = 24) -> None:
    """Delete counts whose window is over."""
    where.execute(
        delete(AttemptCounter)
        .where(AttemptCounter.since < now() - timedelta(hours=hours))
        .execution_options(synchronize_session=False)
    )


def _insert(where: Executor) -> Any:
    bind = where if isinstance(where, Connection) else where.get_bind()
    return postgresql.insert if bind.dialect.name == "postgresql" else sqlite.insert
