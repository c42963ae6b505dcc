"""No page is open by accident: whoever is not signed in is sent to the door."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, current_app, flash, jsonify, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.request import is_for_programs
from app.security import browser
from app.security.resubmit import kept_page
from app.security.api_keys import let_in_by_key

Handler = TypeVar("Handler", bound=Callable)


def public(handler: Handler) -> Handler:
    """Mark a page as open to everybody."""
    handler._is_public = True  # type: ignore[attr-defined]
    return handler


def guard(app: Flask) -> None:
    """Ask who it is on every page that is not marked as public."""

    @app.before_request
    def ask_who_it_is():
        if request.endpoint is None or is_public(app, request.endpoint):
            return None
        if is_for_programs() and ("Authorization" in request.headers or not takes_cookies()):
            return let_in_by_key()
        if current_user.is_authenticated:
            return None
        if is_for_programs():
            return let_in_by_key()
        if (
            request.headers.get("X-Fragment")
            or request.accept_mimetypes.best == "application/json"
        ):
            return jsonify(error="sign in"), 401
        if kept := kept_page():
            return kept
        if session.get("token"):
            browser.forget()
            flash(_("Your session has ended. Sign in again."), "warning")
        target = request.full_path.rstrip("?") if request.method == "GET" else None
        target = None if target == "/" else target
        return redirect(url_for("SignInView.login", next=target))


def with_cookies(handler: Handler) -> Handler:
    """Mark an address of the API as open to whoever is signed in, too."""
    handler._takes_cookies = True  # type: ignore[attr-defined]
    return handler


def takes_cookies() -> bool:
    """Say whether the address asked for is open to browsers as well as to programs."""
    handler = current_app.view_functions[request.endpoint or ""]
    return getattr(handler, "_takes_cookies", False)


def is_public(app: Flask, endpoint: str) -> bool:
    """Say whether an endpoint is open to everybody: static files and what ``public`` marks."""
    if endpoint == "static" or endpoint.endswith(".static"):
        return True
    return getattr(app.view_functions[endpoint], "_is_public", False)
