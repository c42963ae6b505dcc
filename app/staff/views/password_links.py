"""Pages for password links: request one, choose a password with it, send one to a user."""

from __future__ import annotations

import secrets
from typing import ClassVar

from flask import Response, abort, current_app, flash, make_response, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _

from app.crud.basepage import Page
from app.crud.interface import ScopedInterface
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.outbox.transport import is_development
from app.security.actor import current_actor
from app.security.areas import Area
from app.security.guard import public
from app.security.passwords import hash_password, password_problem
from app.security.redirects import safe_redirect_target
from app.staff.api_keys import valid_keys
from app.staff.models import StaffUser
from app.staff.password_links import choose_password, get_link_owner, request_link, send_link
from app.staff.views.login import continue_login
from app.staff.views.users import UserView


class ForgottenPasswordView(Page):
    """Request a link and choose a password with it, without being logged in."""

    route_base = "/login"

    @expose("/forgotten", methods=["GET", "POST"])
    @public
    def forgotten(self):
        """Request a link; the response is the same whether the account exists or not."""
        typed = request.form.get("name", "")
        is_missing = request.method == "POST" and not typed.strip()
        is_requested = request.method == "POST" and not is_missing
        if is_requested:
            request_link(db.session(), typed, request.remote_addr or "")
            db.session.commit()
        page = self.render_template(
            "staff/forgotten_password.html",
            title=_("Reset password"),
            is_requested=is_requested,
            is_missing=is_missing,
            is_development=is_development(current_app),
        )
        return page, 422 if is_missing else 200

    @expose("/choose/<token>", methods=["GET", "POST"])
    @public
    def choose(self, token: str):
        """Choose a password with a link and log in; a GET changes nothing: mail scanners open links."""
        with reading():
            user = get_link_owner(db.session(), token)
            about = None if user is None else _personal_data(user)
            keys = 0 if user is None else len(valid_keys(db.session(), user.id))
            db.session.rollback()
        if about is None:
            return self._gone()
        errors: dict[str, str] = {}
        ends_keys = request.method == "GET" or "keys" in request.form
        if request.method == "POST":
            errors = _form_errors(about)
            if not errors:
                # Hashed before the transaction begins, because it is slow.
                hashed = hash_password(request.form["password"])
                address = request.remote_addr or ""
                done = choose_password(db.session(), token, hashed, address, ends_keys=ends_keys)
                if done is None:
                    db.session.rollback()
                    return self._gone()
                db.session.commit()
                response = continue_login(done, safe_redirect_target(None), "link")
                # A new session begins without the flashed messages of the old one.
                flash(_("Password changed."), "success")
                return _without_traces(make_response(response))
        page = self.render_template(
            "staff/choose_password.html",
            title=_("Choose a password"),
            username=about[0],
            errors=errors,
            keys=keys,
            ends_keys=ends_keys,
        )
        return _without_traces(make_response(page, 422 if errors else 200))

    def _gone(self) -> Response:
        page = self.render_template(
            "staff/invalid_link.html", title=_("This link no longer works")
        )
        return _without_traces(make_response(page, 410))


class PasswordLinkView(Page):
    """Make another user choose a new password."""

    route_base = "/users"
    class_permission_name = UserView.__name__
    area = Area.SECURITY
    methods: ClassVar[list[str]] = ["POST"]

    @expose("/link/<pk>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def link(self, pk: str):
        """Send a user a link and disable their old password."""
        # Hashed before the transaction begins, because it is slow.
        db.session.rollback()
        unusable = hash_password(secrets.token_urlsafe(32))
        user = ScopedInterface(StaffUser).get(pk)
        if user is None:
            abort(404)
        back = f"/users/show/{user.id}"
        try:
            send_link(db.session(), user, current_actor(), unusable)
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
            return redirect(back)
        if is_development(current_app):
            message = _("E-mail is not set up. The link for %(email)s is in the outbox.")
        else:
            message = _("We’ve sent a link to choose a password to %(email)s.")
        flash(message % {"email": user.email}, "success")
        return redirect(back)


def _personal_data(user: StaffUser) -> tuple[str, ...]:
    """Return the personal data that a password must not contain, the user name first."""
    return (user.username, user.first_name or "", user.last_name or "", user.email or "")


def _form_errors(about: tuple[str, ...]) -> dict[str, str]:
    """Return the errors of the two password fields by field name."""
    password, again = request.form.get("password", ""), request.form.get("again", "")
    weak = password_problem(password, *about)
    if weak:
        return {"password": weak}
    return {} if password == again else {"again": _("The two passwords don’t match.")}


def _without_traces(response: Response) -> Response:
    """Keep the URL with its token out of Referer headers, and the page out of caches."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
