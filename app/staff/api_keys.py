"""API keys of users: issue and revoke with log entry and notification, list for pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_appbuilder.security.sqla.models import ApiKey
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.log.services import record_security_event
from app.security.actor import Actor
from app.security.api_keys import (
    LEVELS,
    Scopes,
    end_keys,
    list_keys,
    make_key,
    parse_scopes,
    revoke_key,
)  # fmt: skip
from app.security.areas import Area, Level
from app.security.scope import visible
from app.staff.models import StaffUser
from app.staff.notifications import notify
from app.types import now

MAX_NAME_LENGTH = 60


@dataclass(frozen=True)
class KeySummary:
    """The data of a key that pages show; the secret is not among them."""

    id: int
    name: str
    prefix: str
    scopes: str
    created_at: Any
    expires_at: Any
    last_used_at: Any
    is_expired: bool


def issue_key(
    session: Session, user: StaffUser, actor: Actor, name: str, scopes: Scopes, days: int
) -> str:
    """Create a key for a user; return its secret, to be shown once."""
    key, secret = make_key(session, user.id, name, scopes, now() + timedelta(days=days))
    record_security_event(
        session, "api_key_made", actor,
        about=user.id, name=str(user), key=name, scopes=key.scopes or "",
    )  # fmt: skip
    notify(session, user, "api_key_made", key=name)
    return secret


def revoke_user_key(session: Session, key: ApiKey, user: StaffUser, actor: Actor) -> None:
    """Revoke a key and log it."""
    revoke_key(key)
    record_security_event(
        session, "api_key_revoked", actor, about=user.id, name=str(user), key=key.name
    )


def valid_keys(session: Session, user_id: int) -> list[ApiKey]:
    """Return a user's keys that are neither revoked nor expired."""
    return [key for key in list_keys(session, user_id) if not _is_expired(key)]


def revoke_all_keys(session: Session, user: StaffUser, actor: Actor) -> int:
    """Revoke all keys of a user; return how many were still valid."""
    count = len(valid_keys(session, user.id))
    for _owner, name in end_keys(session, [user.id]):
        record_security_event(
            session, "api_key_revoked", actor, about=user.id, name=str(user), key=name
        )
    return count


def find_key(session: Session, key_id: int, actor: Actor) -> tuple[ApiKey, StaffUser] | None:
    """Return an unrevoked key and its owner, who is the actor or a user visible to them."""
    key = session.scalar(select(ApiKey).where(ApiKey.id == key_id, ApiKey.active.is_(True)))
    if key is None:
        return None
    query = select(StaffUser) if key.user_id == actor.id else visible(StaffUser, actor)
    user = session.scalar(query.where(StaffUser.id == key.user_id))
    return None if user is None else (key, user)


def key_summaries(session: Session, user_id: int) -> list[KeySummary]:
    """Return a user's unrevoked keys, to be shown."""
    return [
        KeySummary(
            key.id,
            key.name,
            f"{key.key_prefix}…",
            _scope_labels(parse_scopes(key.scopes)),
            key.created_on,
            key.expires_on,
            key.last_used_on,
            _is_expired(key),
        )
        for key in list_keys(session, user_id)
    ]


def _is_expired(key: ApiKey) -> bool:
    return key.expires_on is None or key.expires_on <= now()


def _scope_labels(scopes: Scopes) -> str:
    return ", ".join(
        _("%(area)s: %(level)s", area=area.label, level=level.label)
        for area, level in scopes.items()
    )


def offered_levels(areas: list[Area], grants: dict, is_held: Any) -> dict[Area, list[Level]]:
    """Return the levels a key may have in each area: those of which its owner has something."""
    offered = {}
    for area in areas:
        levels = [
            level
            for level in LEVELS.values()
            if any(
                of == area and needed == level and is_held(*pair)
                for pair, (of, needed) in grants.items()
            )
        ]
        if levels:
            offered[area] = levels
    return offered
