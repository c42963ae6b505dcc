"""API keys: made once, shown once, kept as a digest, asked for at every request of a program."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from flask import current_app, g, request
from flask_appbuilder.security.sqla.models import ApiKey
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session, joinedload
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import TooManyRequests, Unauthorized

from app.extensions import db, writing
from app.security import last_seen
from app.security.actor import Actor
from app.security.areas import Area, Level
from app.security.sessions import digest
from app.security.throttle import count_of, key_of_address, take
from app.security.two_factor import is_fully_protected
from app.types import Moment, now

# Whoever finds a key in a file or a log sees, by its beginning, what it opens.
PREFIX = "padron_"
LONGEST_LIFE = timedelta(days=731)
# Wrong keys from one address in so many minutes, before it is told to wait.
KIND = "api-key"
MOST_WRONG, MINUTES = 60, 15
_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
LEVELS = {"read": Level.READ, "edit": Level.EDIT}

# Flask-AppBuilder keeps these without a zone; of ours, all are in UTC.
for _name in ("created_on", "expires_on", "revoked_on", "last_used_on"):
    ApiKey.__table__.c[_name].type = Moment()

Scopes = Mapping[Area, Level]


def make_key(
    session: Session, user_id: int, name: str, scopes: Scopes, expires_on: datetime
) -> tuple[ApiKey, str]:
    """Make a key for a user; return it and its secret, which nobody can read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        user_id=user_id,
        name=name,
        key_hash=digest(secret),
        lookup_hash=digest(secret),
        key_prefix=secret[: len(PREFIX) + 4],
        scopes=write_scopes(scopes),
        active=True,
        created_on=now(),
        expires_on=min(expires_on, now() + LONGEST_LIFE),
    )
    session.add(key)
    session.flush()
    return key, secret


def revoke_key(key: ApiKey) -> None:
    """End a key, at once and for good."""
    key.active = False
    key.revoked_on = now()


def keys_of(session: Session, user_id: int) -> list[ApiKey]:
    """Return the keys of a user that were not revoked, newest first."""
    query = select(ApiKey).where(ApiKey.user_id == user_id, ApiKey.active.is_(True))
    return list(session.scalars(query.order_by(ApiKey.id.desc())))


def write_scopes(scopes: Scopes) -> str:
    """Write scopes as they are kept: ``contacts:read settings:edit``."""
    return " ".join(f"{area.value}:{level.name.lower()}" for area, level in scopes.items())


def read_scopes(text: str | None) -> dict[Area, Level]:
    """Return the scopes written in ``text``; what it does not know of is left out."""
    known = {area.value: area for area in Area}
    pairs = [part.partition(":") for part in (text or "").split()]
    return {
        known[area]: LEVELS[level]
        for area, _sep, level in pairs
        if area in known and level in LEVELS
    }


def let_in_by_key() -> None:
    """Make the owner of the request's key the one who acts, or refuse the request.

    A cookie opens nothing here, so that no other site can make a browser act. A right key is
    never made to wait for the wrong ones of a neighbour: it has 256 bits, and is not guessed.
    """
    scheme, _sep, secret = request.headers.get("Authorization", "").partition(" ")
    secret = secret.strip()
    found = None
    if scheme.lower() == "bearer" and _KEY.fullmatch(secret):
        found = _find(secret)
    if found is None:
        if secret and not _may_go_on(request.remote_addr):
            raise TooManyRequests(
                _("Too many wrong keys. Try again later."), retry_after=MINUTES * 60
            )
        raise _unauthorized(_("A valid API key is needed: Authorization: Bearer padron_…"))
    key, user = found
    if not is_fully_protected(user):
        raise _unauthorized(
            _("The owner of this key must set up two-factor sign-in before it works again.")
        )
    last_seen.keys.note(key.id, now())
    g._login_user = user
    g.scopes = key.scopes or ""
    actor = with_key(user.as_actor().through("api"), key)
    g.actor = replace(actor, name=f"{actor.name} · {key.name}"[:160])


def with_key(actor: Actor, key: ApiKey) -> Actor:
    """Return an actor who reaches no further than a key of theirs does."""
    return replace(actor, key_id=key.id, scopes=key.scopes or "")


def key_in_force(session: Session, key_id: int, user_id: int | None) -> ApiKey | None:
    """Return a user's key as it is now, unless it has ended."""
    query = select(ApiKey).where(ApiKey.id == key_id, ApiKey.user_id == user_id, *_in_force())
    return session.scalar(query.execution_options(populate_existing=True))


def _in_force() -> tuple[ColumnElement[bool], ...]:
    return (ApiKey.active.is_(True), ApiKey.revoked_on.is_(None), ApiKey.expires_on > now())


def _may_go_on(address: str | None) -> bool:
    """Count a wrong key; say whether its address may send more.

    What is beyond the limit is not counted, so that a program that knocks for ever writes
    nothing.
    """
    key = key_of_address(KIND, address)
    if count_of(db.session(), key, MINUTES) >= MOST_WRONG:
        return False
    # The request may be a GET, which has only read so far.
    db.session.rollback()
    with writing():
        take(db.session(), key, MOST_WRONG, MINUTES)
        db.session.commit()
    return True


def note_used(session: Session, used: Mapping[int, datetime]) -> None:
    """Write when some keys were last used."""
    for key_id, moment in used.items():
        is_older = or_(ApiKey.last_used_on.is_(None), ApiKey.last_used_on < moment)
        session.execute(
            update(ApiKey)
            .where(ApiKey.id == key_id, is_older)
            .values(last_used_on=moment)
            .execution_options(synchronize_session=False)
        )


def _find(secret: str):
    """Return a key that is valid and its owner, who may sign in; else nothing."""
    user_model = current_app.appbuilder.sm.user_model  # type: ignore[attr-defined]
    query = (
        select(ApiKey, user_model)
        .join(user_model, user_model.id == ApiKey.user_id)
        .where(ApiKey.lookup_hash == digest(secret), *_in_force())
        .options(joinedload(user_model.roles), joinedload(user_model.entity))
    )
    found = db.session.execute(query).unique().one_or_none()
    return found if found is not None and found[1].is_active else None


def _unauthorized(reason: str) -> Unauthorized:
    return Unauthorized(reason, www_authenticate=WWWAuthenticate("bearer"))


def scopes_cover(scopes: str | None, permission: str, resource: str) -> bool:
    """Say whether a key with these scopes may be used for this; None is for who needs no key."""
    if scopes is None:
        return True
    area, level = current_app.extensions["grants"].get((permission, resource), (None, None))
    return area is not None and read_scopes(scopes).get(area, Level.FORBIDDEN) >= level
