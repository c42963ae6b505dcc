"""Where a request that changes something comes from: our own pages, or no browser at all."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, current_app, request
from flask_babel import gettext as _

from app.errors import DomainError

_LOOKS_ONLY = ("GET", "HEAD", "OPTIONS")


def init_app(app: Flask) -> None:
    """Refuse what another site's page sends, besides asking for the token of ours."""
    app.before_request(refuse_strangers)


def refuse_strangers() -> None:
    """Refuse a change that a page of another site asks for; browsers say whose page it is."""
    if request.method in _LOOKS_ONLY:
        return
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "")
    is_ours = site in ("", "same-origin", "none")
    if origin is not None:
        # A page that sends no referrer sends “null”; then the browser's other word decides.
        is_ours = is_ours and (_is_ours(origin) or (origin == "null" and site == "same-origin"))
    if not is_ours:
        raise DomainError(_("This was sent from another site. Nothing was changed."))


def is_surely_ours() -> bool:
    """Say whether the browser itself says that one of our own pages sent this."""
    origin = request.headers.get("Origin") or ""
    return _is_ours(origin) or request.headers.get("Sec-Fetch-Site") == "same-origin"


def _is_ours(origin: str) -> bool:
    try:
        asked, public = urlsplit(origin), urlsplit(current_app.config["PUBLIC_URL"])
    except ValueError:
        return False
    if (asked.scheme, asked.netloc) == (public.scheme, public.netloc):
        return True
    # A proxy may speak https for us without our knowing.
    return asked.netloc == request.host and asked.scheme in (request.scheme, "https")
