"""Sign in, sign out, change one's language and theme."""

from __future__ import annotations

from flask import jsonify, redirect, request, session, url_for
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import no_cache
from flask_appbuilder.security.views import AuthDBView
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user
from flask_wtf.csrf import generate_csrf

from app.crud.page import Page
from app.extensions import db
from app.i18n.languages import LANGUAGES
from app.log.services import note
from app.security import browser
from app.security.guard import public
from app.security.passwords import hash_password, is_outdated
from app.security.sessions import end_session, open_session, session_of
from app.security.redirects import safe_target
from app.staff import login
from app.staff.models import StaffUser

THEMES = ("light", "dark", "auto")


class SignInView(AuthDBView, Page):
    """The door of the back-office."""

    @expose("/login/", methods=["GET", "POST"])
    @no_cache
    @public
    def login(self):
        """Sign in; whatever is wrong, the answer is the same, and takes as long."""
        target = safe_target(request.args.get("next"))
        if current_user.is_authenticated:
            return redirect(target)
        if request.method == "GET":
            return self._page()
        typed, password = request.form.get("username", ""), request.form.get("password", "")
        if not typed.strip() or not password:
            return self._page(401, _("Wrong user name or password."))
        attempt = login.begin(db.session(), typed, request.remote_addr or "")
        # Nothing is held while the password is looked at, which is slow on purpose.
        db.session.commit()
        if attempt.is_shut_out:
            text = _("Too many attempts from here. Try again in a quarter of an hour.")
            page, status = self._page(429, text)
            return page, status, {"Retry-After": str(login.MINUTES * 60)}
        is_right = attempt.is_right(password)
        is_old = is_right and is_outdated(attempt.kept or "")
        renewed = hash_password(password) if is_old else None
        user = login.hold(db.session(), attempt) if is_right else None
        if user is None:
            login.note_failure(db.session(), attempt)
            db.session.commit()
            return self._page(401, _("Wrong user name or password."))
        login.note_success(db.session(), attempt, renewed)
        if user.totp_secret or user.needs_second_factor:
            token = open_session(db.session(), user.id, is_full=False, **here())
            db.session.commit()
            browser.remember_half(token, target)
            page = "code" if user.totp_secret else "set_up"
            return redirect(url_for(f"HalfOpenView.{page}"))
        return let_in(user, target, "password")

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
        """Sign out, wherever one is between the door and the house."""
        who = current_user._get_current_object()
        for token, is_full in ((browser.own_token(), True), (browser.half_token(), False)):
            mine = session_of(db.session(), token, is_full=is_full) if token else None
            if mine is not None:
                end_session(db.session(), mine.user_id, mine.id, "signed_out")
        if who.is_authenticated:
            actor = who.as_actor()
            note(db.session(), "signed_out", actor, about=who.id, name=str(who))
        db.session.commit()
        logout_user()
        browser.forget()
        return redirect(self.appbuilder.get_url_for_login)


def here() -> dict[str, str]:
    """Return where the request comes from, for the list of sessions."""
    return {"address": request.remote_addr or "", "agent": request.user_agent.string}


def let_in(user: StaffUser, target: str, how: str):
    """Open a session for somebody who has proved who they are, and lead them on."""
    begin_session(user, how)
    return redirect(target)


def begin_session(user: StaffUser, how: str) -> None:
    """Open a session, in the database and in the browser; a new one each time."""
    language = session.get("language")
    language = language if language in LANGUAGES else None
    token = login.enter(db.session(), user, how=how, language=language, **here())
    db.session.commit()
    browser.remember(token)
    login_user(user, remember=False)


class ChoiceView(Page):
    """Small things every page asks for: language, theme, whether one is still signed in."""

    route_base = ""

    @expose("/language", methods=["POST"])
    @public
    def language(self):
        """Change the language, for good when somebody is signed in."""
        chosen = request.form.get("language", "")
        if chosen in LANGUAGES:
            session["language"] = chosen
            if current_user.is_authenticated:
                current_user.language = chosen
                db.session.commit()
        return redirect(safe_target(request.form.get("next")))

    @expose("/session")
    def still_in(self):
        """Say that somebody is signed in here, and the token a form needs; else the guard answers."""
        return jsonify(csrf=generate_csrf())

    @expose("/theme", methods=["POST"])
    @public
    def theme(self):
        """Change between light and dark, for good when somebody is signed in."""
        chosen = request.form.get("theme", "")
        if chosen in THEMES:
            session["theme"] = chosen
            if current_user.is_authenticated:
                current_user.theme = chosen
                db.session.commit()
        if request.headers.get("X-Fragment"):
            return jsonify(theme=chosen)
        return redirect(safe_target(request.form.get("next")))
