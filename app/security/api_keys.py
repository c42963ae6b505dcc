"""API keys: create, hash, authenticate, revoke. A secret is shown once and stored as a hash."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from flask import current_app, g, request
from flask_appbuilder.security.sqla.models import ApiKey
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session, joinedload
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import TooManyRequests, Unauthorized

from app.database import writing
from app.extensions import db
from app.security import last_seen
from app.security.actor import Actor
from app.security.areas import Area, Level
from app.security.sessions import hash_token
from app.security.throttle import count_within_limit, get_count, key_for_address
from app.security.two_factor import has_required_second_factor
from app.types import UTCDateTime, now

# The prefix makes a leaked key recognisable, for people and for secret scanners.
KEY_PREFIX = "padron_"
MAX_LIFETIME = timedelta(days=731)
# Wrong keys allowed from one address within THROTTLE_MINUTES, before a 429.
THROTTLE_KIND = "api-key"
MAX_WRONG_KEYS, THROTTLE_MINUTES = 60, 15
_KEY_PATTERN = re.compile(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{43}}")
LEVELS = {"read": Level.READ, "edit": Level.EDIT}

# Flask-AppBuilder declares these without a time zone; they are stored in UTC.
for _name in ("created_on", "expires_on", "revoked_on", "last_used_on"):
    ApiKey.__table__.c[_name].type = UTCDateTime()

Scopes = Mapping[Area, Level]


def make_key(
    session: Session, user_id: int, name: str, scopes: Scopes, expires_on: datetime
) -> tuple[ApiKey, str]:
    """Create a key for a user; return it and its secret, which is not stored."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        user_id=user_id,
        name=name,
        key_hash=hash_token(secret),
        lookup_hash=hash_token(secret),
        key_prefix=secret[: len(KEY_PREFIX) + 4],
        scopes=format_scopes(scopes),
        active=True,
        created_on=now(),
        expires_on=min(expires_on, now() + MAX_LIFETIME),
    )
    session.add(key)
    session.flush()
    return key, secret


def revoke_key(key: ApiKey) -> None:
    """Revoke a key, with immediate effect."""
    key.active = False
    key.revoked_on = now()


def end_keys(session: Session, user_ids: Iterable[int]) -> list[tuple[int, str]]:
    """Revoke all keys of some users for good; return the owner and the name of each."""
    owners = sorted(set(user_ids))
    if not owners:
        return []
    ended = session.execute(
        update(ApiKey)
        .where(ApiKey.user_id.in_(owners), ApiKey.active.is_(True))
        .values(active=False, revoked_on=now())
        .returning(ApiKey.user_id, ApiKey.name)
    )
    return sorted((owner, name) for owner, name in ended)


def list_keys(session: Session, user_id: int) -> list[ApiKey]:
    """Return a user's keys that were not revoked, newest first; expired ones included."""
    query = select(ApiKey).where(ApiKey.user_id == user_id, ApiKey.active.is_(True))
    return list(session.scalars(query.order_by(ApiKey.id.desc())))


def format_scopes(scopes: Scopes) -> str:
    """Return scopes as they are stored: ``contacts:read settings:edit``."""
    return " ".join(f"{area.value}:{level.name.lower()}" for area, level in scopes.items())


def parse_scopes(text: str | None) -> dict[Area, Level]:
    """Parse stored scopes; unknown areas and levels are left out."""
    known = {area.value: area for area in Area}
    pairs = [part.partition(":") for part in (text or "").split()]
    return {
        known[area]: LEVELS[level]
        for area, _sep, level in pairs
        if area in known and level in LEVELS
    }


def authenticate_api_key() -> None:
    """Log in the owner of the request's API key for this request; raise 401 or 429.

    Cookies are ignored here, which rules out CSRF. A valid key is never throttled because of
    wrong keys from the same address: with 256 random bits it cannot be guessed.
    """
    scheme, _sep, secret = request.headers.get("Authorization", "").partition(" ")
    secret = secret.strip()
    found = None
    if scheme.lower() == "bearer" and _KEY_PATTERN.fullmatch(secret):
        found = _find_key_and_owner(secret)
    if found is None:
        if secret and not _count_wrong_key(request.remote_addr):
            raise TooManyRequests(
                _("Too many wrong keys. Try again later."), retry_after=THROTTLE_MINUTES * 60
            )
        raise _unauthorized(_("A valid API key is required: Authorization: Bearer padron_…"))
    key, user = found
    if not has_required_second_factor(user):
        raise _unauthorized(
            _(
                "The owner of this key must set up two-factor authentication before the key works again."
            )
        )
    last_seen.keys.record(key.id, now())
    g._login_user = user
    g.scopes = key.scopes or ""
    actor = limit_to_key(user.as_actor().with_channel("api"), key)
    g.actor = replace(actor, name=f"{actor.name} · {key.name}"[:160])


def limit_to_key(actor: Actor, key: ApiKey) -> Actor:
    """Return the actor with their permissions limited to the scopes of a key."""
    return replace(actor, key_id=key.id, scopes=key.scopes or "")


def get_valid_key(session: Session, key_id: int, user_id: int | None) -> ApiKey | None:
    """Read a user's key again; None if it was revoked or has expired."""
    query = select(ApiKey).where(
        ApiKey.id == key_id, ApiKey.user_id == user_id, *_valid_key_conditions()
    )
    return session.scalar(query.execution_options(populate_existing=True))


def _valid_key_conditions() -> tuple[ColumnElement[bool], ...]:
    return (ApiKey.active.is_(True), ApiKey.revoked_on.is_(None), ApiKey.expires_on > now())


def _count_wrong_key(address: str | None) -> bool:
    """Count a wrong key of an address; return False if it is over the limit.

    Attempts beyond the limit are not counted, so a client that retries forever writes nothing.
    """
    key = key_for_address(THROTTLE_KIND, address)
    if get_count(db.session(), key, THROTTLE_MINUTES) >= MAX_WRONG_KEYS:
        return False
    # The request may be a GET, whose transaction is read-only.
    db.session.rollback()
    with writing():
        count_within_limit(db.session(), key, MAX_WRONG_KEYS, THROTTLE_MINUTES)
        db.session.commit()
    return True


def record_last_used(session: Session, used: Mapping[int, datetime]) -> None:
    """Write the time of last use of some keys, given by id."""
    for key_id, moment in used.items():
        is_older = or_(ApiKey.last_used_on.is_(None), ApiKey.last_used_on < moment)
        session.execute(
            update(ApiKey)
            .where(ApiKey.id == key_id, is_older)
            .values(last_used_on=moment)
            .execution_options(synchronize_session=False)
        )


def _find_key_and_owner(secret: str):
    """Return a valid key and its owner; None if there is none or the owner may not log in."""
    user_model = current_app.appbuilder.sm.user_model  # type: ignore[attr-defined]
    query = (
        select(ApiKey, user_model)
        .join(user_model, user_model.id == ApiKey.user_id)
        .where(ApiKey.lookup_hash == hash_token(secret), *_valid_key_conditions())
        .options(joinedload(user_model.roles), joinedload(user_model.entity))
    )
    found = db.session.execute(query).unique().one_or_none()
    return found if found is not None and found[1].is_active else None


def _unauthorized(reason: str) -> Unauthorized:
    return Unauthorized(reason, www_authenticate=WWWAuthenticate("bearer"))


def scopes_allow(scopes: str | None, permission: str, resource: str) -> bool:
    """Return True if an API key's scopes allow a permission; None means no key was used."""
    if scopes is None:
        return True
    area, level = current_app.extensions["grants"].get((permission, resource), (None, None))
    return area is not None and parse_scopes(scopes).get(area, Level.FORBIDDEN) >= level
