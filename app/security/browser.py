"""The login session in the browser's cookie: its token, and when it was last used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from flask import current_app, request, session

from app.security import last_seen
from app.security.models import SessionRow
from app.security.sessions import PENDING_LIFETIME, hash_token, idle_limit
from app.types import now

# The time of last use is written to the cookie at most this often, in seconds.
TOUCH_SECONDS = 60
# Cookie entries that survive login and logout.
PRESERVED_KEYS = ("language", "theme")

Handler = TypeVar("Handler", bound=Callable)


def background_request(handler: Handler) -> Handler:
    """Mark a view that pages poll by themselves: it does not extend the session."""
    handler._is_background_request = True  # type: ignore[attr-defined]
    return handler


def start_session(token: str) -> None:
    """Begin a session in this browser; only language and theme stay in the cookie."""
    kept = {name: session[name] for name in PRESERVED_KEYS if name in session}
    session.clear()
    session.update(kept)
    session.permanent = True
    session["token"] = token
    session["seen"] = int(now().timestamp())


def start_pending_session(token: str, target: str) -> None:
    """Begin a pending session (no second factor yet); ``target`` is where login leads to."""
    clear_session()
    session["pending_token"] = token
    session["pending_since"] = int(now().timestamp())
    session["target"] = target[:1000]


def clear_session() -> None:
    """Remove the session from the cookie; language and theme stay."""
    kept = {name: session[name] for name in PRESERVED_KEYS if name in session}
    session.clear()
    session.update(kept)


def clear_new_secret() -> None:
    """Remove the TOTP secret of an unfinished set-up from the cookie."""
    session.pop("new_secret", None)


def session_token() -> str | None:
    """Return the session's token; None if there is none or it was idle for too long."""
    token, used = session.get("token"), session.get("seen")
    if not isinstance(token, str) or not isinstance(used, int):
        return None
    return token if _age_seconds(used) <= idle_limit().total_seconds() else None


def pending_token() -> str | None:
    """Return the token of a pending session; None if there is none or it has expired."""
    token, used = session.get("pending_token"), session.get("pending_since")
    if not isinstance(token, str) or not isinstance(used, int):
        return None
    return token if _age_seconds(used) <= PENDING_LIFETIME.total_seconds() else None


def touch(model: type[SessionRow]) -> None:
    """Record that the session is in use, in the cookie and in memory; once a minute at most."""
    handler = current_app.view_functions.get(request.endpoint or "")
    if _age_seconds(session["seen"]) < TOUCH_SECONDS or getattr(
        handler, "_is_background_request", False
    ):
        return
    moment = now()
    session["seen"] = int(moment.timestamp())
    last_seen.sessions.record((model, hash_token(session["token"])), moment)


def _age_seconds(used: int) -> float:
    return (now() - datetime.fromtimestamp(used, UTC)).total_seconds()
