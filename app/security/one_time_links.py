"""One-time links sent by mail: create, find, use, revoke."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.security.models import OneTimeLink
from app.security.sessions import hash_token
from app.types import now

# Purposes, stored in the database.
CHOOSE_PASSWORD = "password"

User = TypeVar("User")


def make_link(session: Session, user: Any, purpose: str, minutes: int) -> str:
    """Create a link for a user and return its token; replace older ones of the same purpose."""
    token = secrets.token_urlsafe(32)
    session.execute(_delete_links(user.id, purpose))
    session.add(
        OneTimeLink(
            user_id=user.id,
            purpose=purpose,
            token_hash=hash_token(token),
            binding=_binding(user, purpose),
            expires_at=now() + timedelta(minutes=minutes),
        )
    )
    session.flush()
    return token


def find_link_owner(session: Session, users: type[User], token: str, purpose: str) -> User | None:
    """Return the owner of a valid link without using it; None if it is not valid.

    ``users`` is the user model. A link is invalid once its owner may no longer log in, or has
    changed their e-mail or password.
    """
    return _find_valid(session, users, token, purpose)[1]


def use_link(session: Session, users: type[User], token: str, purpose: str) -> User | None:
    """Mark a link as used and return its owner; None if it is not valid or was just used."""
    link, user = _find_valid(session, users, token, purpose, lock=True)
    if link is None:
        return None
    used = session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.id == link.id, OneTimeLink.used_at.is_(None))
        .values(used_at=now())
        .execution_options(synchronize_session=False)
    )
    return user if used.rowcount == 1 else None  # type: ignore[attr-defined]


def revoke_links(session: Session, user_id: int, purpose: str) -> None:
    """Delete a user's links of one purpose."""
    session.execute(_delete_links(user_id, purpose))


def delete_expired_links(session: Session) -> None:
    """Delete links that expired more than a day ago."""
    session.execute(
        delete(OneTimeLink)
        .where(OneTimeLink.expires_at < now() - timedelta(days=1))
        .execution_options(synchronize_session=False)
    )


def _delete_links(user_id: int, purpose: str):
    return (
        delete(OneTimeLink)
        .where(OneTimeLink.user_id == user_id, OneTimeLink.purpose == purpose)
        .execution_options(synchronize_session=False)
    )


def _find_valid(
    session: Session, users: type[User], token: str, purpose: str, *, lock: bool = False
) -> tuple[OneTimeLink | None, User | None]:
    link = session.scalar(
        select(OneTimeLink).where(
            OneTimeLink.token_hash == hash_token(token),
            OneTimeLink.purpose == purpose,
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > now(),
        )
    )
    if link is None:
        return None, None
    # Two links created at the same moment do not see each other: only the newest is valid.
    newest = select(func.max(OneTimeLink.id)).where(
        OneTimeLink.user_id == link.user_id, OneTimeLink.purpose == purpose
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
