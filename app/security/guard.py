"""No page is open by accident: whoever is not signed in is sent to the door."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, jsonify, redirect, request, url_for
from flask_login import current_user

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
        if current_user.is_authenticated:
            return None
        if (
            request.headers.get("X-Fragment")
            or request.accept_mimetypes.best == "application/json"
        ):
            return jsonify(error="sign in"), 401
        target = request.full_path.rstrip("?") if request.method == "GET" else None
        target = None if target == "/" else target
        return redirect(url_for("SignInView.login", next=target))


def is_public(app: Flask, endpoint: str) -> bool:
    """Say whether an endpoint is open to everybody: static files and what ``public`` marks."""
    if endpoint == "static" or endpoint.endswith(".static"):
        return True
    return getattr(app.view_functions[endpoint], "_is_public", False)
