"""Count attempts in the database, so that the count survives restarts and holds everywhere."""

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

Where = Session | Connection


def key_of(kind: str, what: str) -> str:
    """Return the key of what was tried; nobody reads in it what somebody typed."""
    secret = current_app.config["SECRET_KEY"].encode()
    mark = hmac.new(secret, what.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    return f"{kind}:{mark}"


def key_of_user(kind: str, user_id: int) -> str:
    """Return the key of an account, however it was named."""
    return f"{kind}:user:{user_id}"


def key_of_address(kind: str, address: str | None) -> str:
    """Return the key of an address; one of IPv6 counts with its network, the same house."""
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return key_of(kind, address or "")
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return key_of(kind, str(mapped or IPv6Address(int(parsed) >> 64 << 64)))
    return key_of(kind, str(parsed))


def take(where: Where | Engine, key: str, limit: int, minutes: int) -> bool:
    """Count one attempt; say whether it is still within ``limit`` in so many minutes.

    The caller commits, and does so before anything slow: the count is taken *before* the
    attempt is judged, so that a hundred at once are not all let through.
    """
    return count_one(where, key, minutes) <= limit


def count_one(where: Where | Engine, key: str, minutes: int) -> int:
    """Count one attempt; return how many there are since the first within so many minutes."""
    if isinstance(where, Engine):
        with where.begin() as connection:
            return count_one(connection, key, minutes)
    moment = now()
    window = timedelta(minutes=minutes)
    # A clock that was wrong for a while must not shut the door for as long.
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


def count_of(where: Where, key: str, minutes: int) -> int:
    """Return how many attempts were counted within so many minutes; counts none."""
    moment, window = now(), timedelta(minutes=minutes)
    is_now = AttemptCounter.since.between(moment - window, moment + window)
    found = where.scalar(select(AttemptCounter.count).where(AttemptCounter.key == key, is_now))
    return found or 0


def give_back(where: Where, key: str) -> None:
    """Take one attempt from a count: it was a good one."""
    counter = AttemptCounter
    where.execute(
        update(counter)
        .where(counter.key == key, counter.count > 0)
        .values(count=counter.count - 1)
        .execution_options(synchronize_session=False)
    )


def forget(where: Where, key: str) -> None:
    """Forget the attempts counted under a key."""
    where.execute(
        delete(AttemptCounter)
        .where(AttemptCounter.key == key)
        .execution_options(synchronize_session=False)
    )


def sweep(where: Where, hours: int = 24) -> None:
    """Forget counts that nothing asks for any more."""
    where.execute(
        delete(AttemptCounter)
        .where(AttemptCounter.since < now() - timedelta(hours=hours))
        .execution_options(synchronize_session=False)
    )


def _insert(where: Where) -> Any:
    bind = where if isinstance(where, Connection) else where.get_bind()
    return postgresql.insert if bind.dialect.name == "postgresql" else sqlite.insert
