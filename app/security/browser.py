"""What a browser's cookie holds of a session: its token, and when it was last used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from flask import current_app, request, session

from app.security import last_seen
from app.security.sessions import HALF_OPEN, digest, idle_limit
from app.types import now

# The cookie is written anew when so many seconds have passed: not at every click.
STEP = 60
# What outlives signing in and out: nobody's secret, and wanted on the next page.
KEPT = ("language", "theme")

Handler = TypeVar("Handler", bound=Callable)


def asked_alone(handler: Handler) -> Handler:
    """Mark what pages ask for by themselves: it is no sign that somebody is still there."""
    handler._is_asked_alone = True  # type: ignore[attr-defined]
    return handler


def remember(token: str) -> None:
    """Begin a session in this browser; of what was in the cookie, only the look is kept."""
    kept = {name: session[name] for name in KEPT if name in session}
    session.clear()
    session.update(kept)
    session.permanent = True
    session["token"] = token
    session["seen"] = int(now().timestamp())


def remember_half(token: str, target: str) -> None:
    """Note that a password was given here, and where to go once the rest is."""
    forget()
    session["half"] = token
    session["half_seen"] = int(now().timestamp())
    session["target"] = target[:1000]


def forget() -> None:
    """Forget who was signed in here."""
    kept = {name: session[name] for name in KEPT if name in session}
    session.clear()
    session.update(kept)


def drop_telephone() -> None:
    """Forget the secret of a telephone that was being set up here."""
    session.pop("new_secret", None)


def own_token() -> str | None:
    """Return the token of a session in use; None when it has been left alone for too long."""
    token, used = session.get("token"), session.get("seen")
    if not isinstance(token, str) or not isinstance(used, int):
        return None
    return token if _age(used) <= idle_limit().total_seconds() else None


def half_token() -> str | None:
    """Return the token of a half-open session."""
    token, used = session.get("half"), session.get("half_seen")
    if not isinstance(token, str) or not isinstance(used, int):
        return None
    return token if _age(used) <= HALF_OPEN.total_seconds() else None


def touch() -> None:
    """Note that the session is in use, once a minute: in the cookie, and for the list of sessions."""
    handler = current_app.view_functions.get(request.endpoint or "")
    if _age(session["seen"]) < STEP or getattr(handler, "_is_asked_alone", False):
        return
    moment = now()
    session["seen"] = int(moment.timestamp())
    last_seen.sessions.note(digest(session["token"]), moment)


def _age(used: int) -> float:
    return (now() - datetime.fromtimestamp(used, UTC)).total_seconds()
