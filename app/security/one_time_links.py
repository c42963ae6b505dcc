"""One-time links: sent by mail, they let their owner do one thing, once, for a short while."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.security.models import OneTimeLink
from app.security.sessions import digest
from app.types import now

# What links are for.
CHOOSE_PASSWORD = "password"

User = TypeVar("User")


def make_link(session: Session, user: Any, purpose: str, minutes: int) -> str:
    """Return the token of a new link for somebody; an older one of theirs dies with it."""
    token = secrets.token_urlsafe(32)
    session.execute(_all_of(user.id, purpose))
    session.add(
        OneTimeLink(
            user_id=user.id,
            purpose=purpose,
            token_hash=digest(token),
            binding=_binding(user, purpose),
            expires_at=now() + timedelta(minutes=minutes),
        )
    )
    session.flush()
    return token


def find_link(session: Session, users: type[User], token: str, purpose: str) -> User | None:
    """Return whose link it is while it lives; looking does not use it up.

    ``users`` is the model of those who sign in. Whoever was deactivated, was put in the trash or
    has left has no link; neither has who changed their e-mail or password since.
    """
    return _found(session, users, token, purpose)[1]


def use_link(session: Session, users: type[User], token: str, purpose: str) -> User | None:
    """Use a link up; return whose it was, or None when it no longer lives or another was quicker."""
    link, user = _found(session, users, token, purpose, lock=True)
    if link is None:
        return None
    used = session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.id == link.id, OneTimeLink.used_at.is_(None))
        .values(used_at=now())
        .execution_options(synchronize_session=False)
    )
    return user if used.rowcount == 1 else None  # type: ignore[attr-defined]


def kill_links(session: Session, user_id: int, purpose: str) -> None:
    """Let no link of somebody's live on."""
    session.execute(_all_of(user_id, purpose))


def sweep(session: Session) -> None:
    """Delete links that died a day ago."""
    session.execute(
        delete(OneTimeLink)
        .where(OneTimeLink.expires_at < now() - timedelta(days=1))
        .execution_options(synchronize_session=False)
    )


def _all_of(user_id: int, purpose: str):
    return (
        delete(OneTimeLink)
        .where(OneTimeLink.user_id == user_id, OneTimeLink.purpose == purpose)
        .execution_options(synchronize_session=False)
    )


def _found(
    session: Session, users: type[User], token: str, purpose: str, *, lock: bool = False
) -> tuple[OneTimeLink | None, User | None]:
    link = session.scalar(
        select(OneTimeLink).where(
            OneTimeLink.token_hash == digest(token),
            OneTimeLink.purpose == purpose,
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > now(),
        )
    )
    if link is None:
        return None, None
    # Two links asked for at the same moment do not see each other: only the last one lives.
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
    """Return a digest of what must not change while the link lives."""
    parts = (purpose, str(user.id), user.email or "", user.password or "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
