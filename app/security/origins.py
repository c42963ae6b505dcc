"""Refuse cross-site requests that change something, by Origin and Sec-Fetch-Site."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, current_app, request
from flask_babel import gettext as _

from app.errors import DomainError

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def init_app(app: Flask) -> None:
    """Check the origin of every unsafe request, in addition to the CSRF token."""
    app.before_request(refuse_cross_site)


def refuse_cross_site() -> None:
    """Refuse an unsafe request sent by a page of another site."""
    if request.method in _SAFE_METHODS:
        return
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "")
    is_ours = site in ("", "same-origin", "none")
    if origin is not None:
        # A page with no-referrer sends the origin “null”; then Sec-Fetch-Site decides.
        is_ours = is_ours and (
            _is_own_origin(origin) or (origin == "null" and site == "same-origin")
        )
    if not is_ours:
        raise DomainError(_("This request came from another site. Nothing was changed."))


def is_same_origin() -> bool:
    """Return True if the browser confirms that one of our own pages sent the request."""
    origin = request.headers.get("Origin") or ""
    return _is_own_origin(origin) or request.headers.get("Sec-Fetch-Site") == "same-origin"


def _is_own_origin(origin: str) -> bool:
    try:
        asked, public = urlsplit(origin), urlsplit(current_app.config["PUBLIC_URL"])
    except ValueError:
        return False
    if (asked.scheme, asked.netloc) == (public.scheme, public.netloc):
        return True
    # A proxy may terminate TLS without telling us.
    return asked.netloc == request.host and asked.scheme in (request.scheme, "https")
