"""Login and logout, and the language and theme of pages."""

from __future__ import annotations

from flask import jsonify, redirect, request, session, url_for
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import no_cache
from flask_appbuilder.security.views import AuthDBView
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user
from flask_wtf.csrf import generate_csrf

from app.crud.basepage import Page
from app.extensions import db
from app.i18n.languages import LANGUAGES
from app.log.services import record_security_event
from app.security import browser
from app.security.guard import public
from app.security.models import SignInSession
from app.security.passwords import hash_password, needs_rehash
from app.security.redirects import safe_redirect_target
from app.security.sessions import create_session, end_session, get_live_session
from app.staff import login
from app.staff.models import StaffUser

THEMES = ("light", "dark", "auto")


class SignInView(AuthDBView, Page):
    """Login and logout."""

    fab_name = "auth"

    @expose("/login/", methods=["GET", "POST"])
    @no_cache
    @public
    def login(self):
        """Log in; every failure gives the same response, after the same time."""
        target = safe_redirect_target(request.args.get("next"))
        if current_user.is_authenticated:
            return redirect(target)
        if request.method == "GET":
            return self._page()
        typed, password = request.form.get("username", ""), request.form.get("password", "")
        if not typed.strip() or not password:
            return self._page(401, _("Enter your username and password."))
        attempt = login.begin_attempt(db.session(), typed, request.remote_addr or "")
        # No transaction is open while the password is checked, which is slow on purpose.
        db.session.commit()
        if attempt.is_blocked:
            text = _("Too many attempts from this IP address. Try again in 15 minutes.")
            page, status = self._page(429, text)
            return page, status, {"Retry-After": str(login.THROTTLE_MINUTES * 60)}
        has_password = attempt.has_password(password)
        is_old = has_password and needs_rehash(attempt.password_hash or "")
        renewed = hash_password(password) if is_old else None
        user = login.lock_user(db.session(), attempt) if has_password else None
        if user is None:
            login.record_failure(db.session(), attempt)
            db.session.commit()
            return self._page(401, _("Wrong username or password."))
        login.record_success(db.session(), attempt, renewed)
        return continue_login(user, target, "password")

    def _page(self, status: int = 200, problem: str = ""):
        page = self.render_template(
            self.login_template,
            title=_("Sign in"),
            problem=problem,
            typed=request.form.get("username", "")[:200],
        )
        return page, status

    @expose("/logout/", methods=["POST"])
    @public
    def logout(self):
        """Log out; end a pending session, too."""
        who = current_user._get_current_object()
        for token, is_full in ((browser.session_token(), True), (browser.pending_token(), False)):
            mine = (
                get_live_session(db.session(), SignInSession, token, is_full=is_full)
                if token
                else None
            )
            if mine is not None:
                end_session(db.session(), SignInSession, mine.user_id, mine.id, "signed_out")
        if who.is_authenticated:
            actor = who.as_actor()
            record_security_event(db.session(), "signed_out", actor, about=who.id, name=str(who))
        db.session.commit()
        logout_user()
        browser.clear_session()
        return redirect(self.appbuilder.get_url_for_login)


def request_origin() -> dict[str, str]:
    """Return the address and user agent of the request, for the session row."""
    return {"address": request.remote_addr or "", "agent": request.user_agent.string}


def continue_login(user: StaffUser, target: str, how: str):
    """Log in a user who has proved to know the password, or ask for the second factor; commit."""
    if user.totp_secret or user.needs_second_factor:
        token = create_session(
            db.session(), SignInSession, user.id, is_full=False, **request_origin()
        )
        db.session.commit()
        browser.start_pending_session(token, target)
        page = "code" if user.totp_secret else "set_up"
        return redirect(url_for(f"SecondFactorView.{page}"))
    return log_in_and_redirect(user, target, how)


def log_in_and_redirect(user: StaffUser, target: str, how: str):
    """Log in an authenticated user and redirect to the target."""
    log_in(user, how)
    return redirect(target)


def log_in(user: StaffUser, how: str) -> None:
    """Open a new session for an authenticated user, in the database and in the browser; commit."""
    language = session.get("language")
    language = language if language in LANGUAGES else None
    token = login.open_session(db.session(), user, how=how, language=language, **request_origin())
    db.session.commit()
    browser.start_session(token)
    login_user(user, remember=False)


class PreferencesView(Page):
    """Language and theme, and the state of the session, for all pages."""

    route_base = ""

    @expose("/language", methods=["POST"])
    @public
    def language(self):
        """Change the language; store it for a logged-in user."""
        chosen = request.form.get("language", "")
        if chosen in LANGUAGES:
            session["language"] = chosen
            if current_user.is_authenticated:
                current_user.language = chosen
                db.session.commit()
        return redirect(safe_redirect_target(request.form.get("next")))

    @expose("/session")
    def session_state(self):
        """Return the CSRF token of a live session; without one the guard answers 401."""
        return jsonify(csrf=generate_csrf())

    @expose("/theme", methods=["POST"])
    @public
    def theme(self):
        """Change the theme; store it for a logged-in user."""
        chosen = request.form.get("theme", "")
        if chosen in THEMES:
            session["theme"] = chosen
            if current_user.is_authenticated:
                current_user.theme = chosen
                db.session.commit()
        if request.headers.get("X-Fragment"):
            return jsonify(theme=chosen)
        return redirect(safe_redirect_target(request.form.get("next")))
