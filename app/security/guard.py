"""Require a login for every endpoint that is not marked as public."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, current_app, flash, jsonify, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.request import is_api_request
from app.security import browser
from app.security.api_keys import authenticate_api_key
from app.security.populations import current_population
from app.security.resubmit import resubmit_page

Handler = TypeVar("Handler", bound=Callable)


def public(handler: Handler) -> Handler:
    """Mark a view as open to visitors who are not logged in."""
    handler._is_public = True  # type: ignore[attr-defined]
    return handler


def init_app(app: Flask) -> None:
    """Require a login or an API key before every request to a view that is not public."""

    @app.before_request
    def require_login():
        if request.endpoint is None or is_public(app, request.endpoint):
            return None
        if is_api_request() and (
            "Authorization" in request.headers or not endpoint_accepts_cookies()
        ):
            return authenticate_api_key()
        population = current_population()
        if population is not None and population.current_user() is not None:
            return None
        if population is None and current_user.is_authenticated:
            return None
        if is_api_request():
            return authenticate_api_key()
        if (
            request.headers.get("X-Fragment")
            or request.accept_mimetypes.best == "application/json"
        ):
            return jsonify(error="sign in"), 401
        if page := resubmit_page():
            return page
        if session.get("token"):
            browser.clear_session()
            flash(_("Your session has ended. Sign in again."), "warning")
        target = request.full_path.rstrip("?") if request.method == "GET" else None
        target = None if target == "/" else target
        login = "SignInView.login" if population is None else population.login_endpoint
        return redirect(url_for(login, next=target))


def accepts_cookies(handler: Handler) -> Handler:
    """Mark an API endpoint as open to logged-in browsers, besides API keys."""
    handler._accepts_cookies = True  # type: ignore[attr-defined]
    return handler


def endpoint_accepts_cookies() -> bool:
    """Return True if the requested API endpoint accepts session cookies."""
    handler = current_app.view_functions[request.endpoint or ""]
    return getattr(handler, "_accepts_cookies", False)


def is_public(app: Flask, endpoint: str) -> bool:
    """Return True for static files and for views marked with ``public``."""
    if endpoint == "static" or endpoint.endswith(".static"):
        return True
    return getattr(app.view_functions[endpoint], "_is_public", False)
