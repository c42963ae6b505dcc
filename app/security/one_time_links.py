"""One-time links sent by mail: create, find, use, revoke.

``model`` is the table of the links of one population, such as OneTimeLink, and ``users`` that of
its accounts.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.security.models import LinkRow
from app.security.sessions import hash_token
from app.types import now

# Purposes, stored in the database.
CHOOSE_PASSWORD = "password"

User = TypeVar("User")


def make_link(session: Session, model: Any, user: Any, purpose: str, minutes: int) -> str:
    """Create a link for a user and return its token; replace older ones of the same purpose."""
    token = secrets.token_urlsafe(32)
    session.execute(_delete_links(model, user.id, purpose))
    session.add(
        model(
            user_id=user.id,
            purpose=purpose,
            token_hash=hash_token(token),
            binding=_binding(user, purpose),
            expires_at=now() + timedelta(minutes=minutes),
        )
    )
    session.flush()
    return token


def find_link_owner(
    session: Session, model: type[LinkRow], users: type[User], token: str, purpose: str
) -> User | None:
    """Return the owner of a valid link without using it; None if it is not valid.

    A link is invalid once its owner may no longer log in, or has
    changed their e-mail or password.
    """
    return _find_valid(session, model, users, token, purpose)[1]


def use_link(
    session: Session, model: type[LinkRow], users: type[User], token: str, purpose: str
) -> User | None:
    """Mark a link as used and return its owner; None if it is not valid or was just used."""
    link, user = _find_valid(session, model, users, token, purpose, lock=True)
    if link is None:
        return None
    used = session.execute(
        update(model)
        .where(model.id == link.id, model.used_at.is_(None))
        .values(used_at=now())
        .execution_options(synchronize_session=False)
    )
    return user if used.rowcount == 1 else None  # type: ignore[attr-defined]


def revoke_links(session: Session, model: type[LinkRow], user_id: int, purpose: str) -> None:
    """Delete a user's links of one purpose."""
    session.execute(_delete_links(model, user_id, purpose))


def delete_expired_links(session: Session, model: type[LinkRow]) -> None:
    """Delete links that expired more than a day ago."""
    session.execute(
        delete(model)
        .where(model.expires_at < now() - timedelta(days=1))
        .execution_options(synchronize_session=False)
    )


def _delete_links(model: type[LinkRow], user_id: int, purpose: str):
    return (
        delete(model)
        .where(model.user_id == user_id, model.purpose == purpose)
        .execution_options(synchronize_session=False)
    )


def _find_valid(
    session: Session,
    model: type[LinkRow],
    users: type[User],
    token: str,
    purpose: str,
    *,
    lock: bool = False,
) -> tuple[LinkRow | None, User | None]:
    link = session.scalar(
        select(model).where(
            model.token_hash == hash_token(token),
            model.purpose == purpose,
            model.used_at.is_(None),
            model.expires_at > now(),
        )
    )
    if link is None:
        return None, None
    # Two links created at the same moment do not see each other: only the newest is valid.
    newest = select(func.max(model.id)).where(
        model.user_id == link.user_id, model.purpose == purpose
    )
    user: Any = session.get(users, link.user_id, populate_existing=lock, with_for_update=lock)
    if user is None or not user.is_active or session.scalar(newest) != link.id:
        return None, None
    if not secrets.compare_digest(link.binding, _binding(user, purpose)):
        return None, None
    return link, user


def _binding(user: Any, purpose: str) -> str:
    """Return a hash of the values that invalidate the link when they change."""
    parts = (purpose, str(user.id), user.email or "", user.password or "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
