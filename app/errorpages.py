"""Pages for what went wrong: a clear sentence, in the reader's language, and a way on."""

from __future__ import annotations

import logging

from flask import Flask, Response, current_app, g, jsonify, redirect, render_template, request
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, SecurityError

from app.crud.api.responses import http_problem, problem
from app.errors import DomainError
from app.extensions import db
from app.request import is_api_request
from app.security.redirects import safe_redirect_target
from app.security.resubmit import resubmit_page

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Register a page for each kind of error."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(SecurityError, _forged)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(DomainError, _refused)
    app.register_error_handler(DataError, _impossible)
    app.register_error_handler(IntegrityError, _overtaken)
    app.register_error_handler(StaleDataError, _overtaken)
    app.register_error_handler(Exception, _bug)


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
        400: (_("This address or form makes no sense"), _("Go back and try again.")),
        403: (_("You may not do this"), _("Ask an administrator if you need to.")),
        404: (
            _("There is nothing here"),
            _("The file may have been moved to the trash, or is not yours to see."),
        ),
        405: (_("This cannot be opened like that"), _("Use the button on the page.")),
        413: (_("This is too much at once"), _("Send a smaller file or a shorter text.")),
    }
    title, text = texts.get(status, (_("Something went wrong"), _("Go back and try again.")))
    return _page(status, title, text)


def _forged(_error: SecurityError):
    """Answer in plain words: no address of ours can be written for a host that is not ours."""
    return Response(_("Nothing is served under this name."), 400, content_type="text/plain")


def _csrf(_error: CSRFError):
    db.session.rollback()
    if request.path == "/login/" and current_user.is_authenticated:
        # Signed in meanwhile, in another tab.
        return redirect(safe_redirect_target(request.args.get("next")))
    return resubmit_page() or _page(
        400,
        _("This page was open for too long"),
        _("Nothing was changed. Go back, reload the page and send it again."),
    )


def _refused(error: DomainError):
    text = str(error)
    return _page(400, _("This address or form makes no sense"), text if " " in text else "")


def _impossible(error: DataError):
    log.warning("a value the database cannot hold: %s", error)
    return _page(400, _("This address or form makes no sense"), _("Go back and try again."))


def _overtaken(error: IntegrityError | StaleDataError):
    """Answer whom somebody else overtook between looking and writing."""
    log.warning("overtaken: %s", error)
    db.session.rollback()
    return _page(
        409,
        _("Try again."),
        _("Nothing was changed. Go back, reload the page and send it again."),
    )


def _bug(error: Exception):
    log.error("a bug", exc_info=error)
    # Of a transaction that has failed nothing can be asked, not even the reader's language.
    db.session.rollback()
    if isinstance(error, OperationalError):
        # The page must not ask the database who is reading it.
        g._login_user = current_app.login_manager.anonymous_user()  # type: ignore[attr-defined]
        return _page(503, _("The database does not answer"), _("Wait a moment and try again."))
    return _page(500, _("Something went wrong"), _("It is noted. Nothing was changed."))
