"""Error handlers: an HTML page, a JSON fragment or an API problem, in the user's language."""

from __future__ import annotations

import logging

from flask import Flask, Response, current_app, g, jsonify, redirect, render_template, request
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, SecurityError

from app.committed import may_have_changed_data
from app.crud.api.responses import http_problem, problem
from app.errors import DomainError
from app.extensions import db
from app.logs import describe, is_outage, log_error, outages
from app.request import is_api_request
from app.security.redirects import safe_redirect_target
from app.security.resubmit import resubmit_page

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Register the error handlers."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(SecurityError, _untrusted_host)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(DataError, _data_error)
    app.register_error_handler(IntegrityError, _concurrent_write)
    app.register_error_handler(StaleDataError, _concurrent_write)
    app.register_error_handler(Exception, _unhandled)


def _page(status: int, title: str, text: str):
    db.session.rollback()
    if is_api_request():
        return problem(status, text or title)
    if request.headers.get("X-Fragment") or request.accept_mimetypes.best == "application/json":
        return jsonify(error=text), status
    return render_template("error.html", title=title, text=text, status=status), status


def _http(error: HTTPException):
    status = error.code or 500
    if status < 400:
        return error
    if is_api_request():
        db.session.rollback()
        return http_problem(error)
    texts = {
        400: (_("This request is not valid"), _("Go back and try again.")),
        403: (_("You don’t have access"), _("Contact your administrator if you need access.")),
        404: (
            _("Page not found"),
            _("It may have been moved to the trash, or you may not have access to it."),
        ),
        405: (
            _("This page can’t be opened directly"),
            _("Go back and use the button on the page."),
        ),
        413: (_("Too large"), _("Send a smaller file or a shorter text.")),
    }
    title, text = texts.get(status, (_("Something went wrong"), _("Go back and try again.")))
    return _page(status, title, text)


def _untrusted_host(_error: SecurityError):
    """Answer in plain text: no URL can be built for an untrusted host."""
    return Response(
        _("This site is not available at this address."), 400, content_type="text/plain"
    )


def _outcome() -> str:
    """Return the sentence about what the failed request has changed; "" for one that only reads."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return ""
    if may_have_changed_data():
        return _("Some of it may have been done. Check before you try again.")
    return _("Nothing was changed.")


def _csrf(_error: CSRFError):
    db.session.rollback()
    if request.path == "/login/" and current_user.is_authenticated:
        # Signed in since, in another tab.
        return redirect(safe_redirect_target(request.args.get("next")))
    return resubmit_page() or _page(
        400,
        _("This page has expired"),
        f"{_outcome()} {_('Go back, reload the page and try again.')}",
    )


def _domain_error(error: DomainError):
    text = str(error)
    title = str(error.title) if error.title else _("This request is not valid")
    return _page(error.status, title, text if " " in text else "")


def _data_error(error: DataError):
    log.warning("%s: value out of range for the database: %s", _route(), describe(error))
    return _page(400, _("This request is not valid"), _("Go back and try again."))


def _concurrent_write(error: IntegrityError | StaleDataError):
    """Answer a write that lost a race against a concurrent transaction with 409."""
    log.warning("%s: concurrent write: %s", _route(), describe(error))
    db.session.rollback()
    return _page(
        409,
        _("Try again."),
        f"{_outcome()} {_('Go back, reload the page and try again.')}".strip(),
    )


def _unhandled(error: Exception):
    if is_outage(error):
        outages.add(log, error)
        return _database_down()
    reference = log_error(log, error, "unhandled exception in %s", _route())
    # A failed transaction cannot be queried, not even for the user's language.
    db.session.rollback()
    text = _("Tell your administrator: error %(reference)s.", reference=reference)
    return _page(500, _("Something went wrong"), f"{text} {_outcome()}".strip())


def _database_down():
    db.session.rollback()
    # The page must not load the user from the database.
    g._login_user = current_app.login_manager.anonymous_user()  # type: ignore[attr-defined]
    text = f"{_outcome()} {_('Wait a moment and try again.')}".strip()
    return _page(503, _("The database is not responding"), text)


def _route() -> str:
    """Return the method and the pattern of the address: the address itself may hold a name."""
    return f"{request.method} {request.url_rule or '(no route)'}"
