"""Headers that keep strange scripts out of pages, pages out of caches and frames out of reach."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask.sessions import SecureCookieSessionInterface

# Everything comes from this server, and nothing on a page runs or styles itself.
_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "frame-ancestors": "'none'",
    "form-action": "'self'",
}
POLICY = "; ".join(f"{name} {sources}" for name, sources in _POLICY.items())

# What a page may ask of the device: nothing. Writing to the clipboard is left as it is, for the
# buttons that copy.
_NOT_ASKED_FOR = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "clipboard-read",
    "display-capture", "encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid",
    "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "payment",
    "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "serial", "usb",
    "xr-spatial-tracking",
)  # fmt: skip

FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _NOT_ASKED_FOR),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Two years: what browsers ask for to remember it for good.
ONLY_HTTPS = "max-age=63072000; includeSubDomains"


def init_app(app: Flask) -> None:
    """Add the headers to every reply."""
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.after_request(harden)
    app.session_interface = _Sessions()


class _Sessions(SecureCookieSessionInterface):
    """Flask's sessions, whose cookie never travels with a file that everybody may keep."""

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        if not _is_the_same_for_all(response):
            super().save_session(app, session, response)


def csp_nonce() -> str:
    """Return the mark that lets the scripts of this one page run; the policy then names it."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return g.csp_nonce


def harden(response: Response) -> Response:
    """Say how the reply may be used; a page that said so itself keeps its word."""
    headers = response.headers
    for name, value in FIXED.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", _policy())
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers.setdefault("Strict-Transport-Security", ONLY_HTTPS)
    if not _is_the_same_for_all(response):
        # Whoever uses the computer next, and every cache on the way, keeps nothing. A picture
        # may stay with the reader: it says so itself.
        if not (response.cache_control.private and response.status_code in (200, 206, 304)):
            headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
    return response


def _policy() -> str:
    if "csp_nonce" not in g:
        return POLICY
    return POLICY.replace("script-src 'self'", f"script-src 'self' 'nonce-{g.csp_nonce}'")


def _is_the_same_for_all(response: Response) -> bool:
    """Say whether a reply is a file of the program: an error is a page, with the reader's menu."""
    is_static = bool(request.endpoint and request.endpoint.endswith("static"))
    return is_static and response.status_code in (200, 206, 304)
