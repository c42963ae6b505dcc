"""Security headers of responses: Content-Security-Policy, caching, framing, HSTS."""

from __future__ import annotations

import json
import secrets
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask.sessions import SecureCookieSessionInterface

# Scripts, styles and images come from this server; no inline scripts or styles.
_DIRECTIVES = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "frame-ancestors": "'none'",
    "form-action": "'self'",
}
POLICY = "; ".join(f"{name} {sources}" for name, sources in _DIRECTIVES.items())

# Browser features that pages may not use. clipboard-write stays allowed for the copy buttons.
_DENIED_FEATURES = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "clipboard-read",
    "display-capture", "encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid",
    "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "payment",
    "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "serial", "usb",
    "xr-spatial-tracking",
)  # fmt: skip

FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _DENIED_FEATURES),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Characters of JSON that flashed messages may take in the session's cookie, which ends at 4,093.
MAX_FLASHED = 2_000
# Two years: the minimum of the browsers' preload list.
STRICT_TRANSPORT_SECURITY = "max-age=63072000; includeSubDomains"


def init_app(app: Flask) -> None:
    """Add the security headers to every response."""
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.after_request(add_security_headers)


class CompactSessions(SecureCookieSessionInterface):
    """Flask's session interface, without a Set-Cookie on publicly cacheable static files.

    A browser silently drops a cookie of more than 4 KB, and with it the login.
    """

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        if _is_static_file(response):
            return
        if session.modified and "_flashes" in session:
            session["_flashes"] = _newest_messages(session["_flashes"])
        super().save_session(app, session, response)


def _newest_messages(flashes: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the newest flashed messages that fit into the cookie; a long one is cut."""
    kept: list[tuple[str, Any]] = []
    room = MAX_FLASHED
    for category, message in reversed(flashes):
        short = _cut(message)
        room -= len(json.dumps([category, short]))
        if kept and room < 0:
            break
        kept.append((category, short))
    return kept[::-1]


def _cut(message: Any) -> Any:
    """Return a message of at most so many characters that it fits; JSON needs up to 12 for one."""
    if isinstance(message, dict):
        return message | {"text": _cut(message["text"])}
    text = str(message)
    return text if len(text) <= MAX_FLASHED // 12 else f"{text[: MAX_FLASHED // 12]}…"


def csp_nonce() -> str:
    """Return the nonce of this page's inline scripts; the policy then includes it."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return g.csp_nonce


def add_security_headers(response: Response) -> Response:
    """Add the security headers to a response; headers set by a view are kept."""
    headers = response.headers
    for name, value in FIXED_HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", _content_security_policy())
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY)
    if not _is_static_file(response):
        # Pages are stored by no cache. Pictures may stay in the reader's own: their view says so.
        if not (response.cache_control.private and response.status_code in (200, 206, 304)):
            headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
    return response


def _content_security_policy() -> str:
    if "csp_nonce" not in g:
        return POLICY
    return POLICY.replace("script-src 'self'", f"script-src 'self' 'nonce-{g.csp_nonce}'")


def _is_static_file(response: Response) -> bool:
    """Return True for a static file; an error page of its URL is personal and does not count."""
    is_static = bool(request.endpoint and request.endpoint.endswith("static"))
    return is_static and response.status_code in (200, 206, 304)
