"""Sign in, sign out, change one's language and theme."""

from __future__ import annotations

from flask import flash, g, jsonify, redirect, request, session
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import no_cache
from flask_appbuilder.security.forms import LoginForm_db
from flask_appbuilder.security.views import AuthDBView
from flask_appbuilder.utils.base import is_safe_redirect_url
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user

from app.crud.pages import Page
from app.extensions import db
from app.i18n.languages import LANGUAGES
from app.security.guard import public

THEMES = ("light", "dark", "auto")


def safe_target(asked: str | None) -> str:
    """Return where to go next: what was asked for if it lies within the site, else home."""
    return asked if asked and is_safe_redirect_url(asked) else "/"


class SignInView(AuthDBView, Page):
    """The door of the back-office."""

    @expose("/login/", methods=["GET", "POST"])
    @no_cache
    @public
    def login(self):
        """Sign in; a wrong name and a wrong password get the same answer."""
        target = safe_target(request.args.get("next"))
        if g.user is not None and g.user.is_authenticated:
            return redirect(target)
        form = LoginForm_db()
        status = 200
        if form.validate_on_submit():
            user = self.appbuilder.sm.auth_user_db(form.username.data, form.password.data)
            if user:
                language = session.get("language")
                session.clear()
                session.permanent = True
                login_user(user, remember=False)
                if user.language is None and language in LANGUAGES:
                    user.language = language
                    db.session.commit()
                return redirect(target)
            flash(_("Wrong user name or password."), "danger")
            status = 401
        page = self.render_template(self.login_template, title=_("Sign in"), form=form)
        return page, status

    @expose("/logout/", methods=["POST"])
    def logout(self):
        """Sign out."""
        logout_user()
        session.clear()
        return redirect(self.appbuilder.get_url_for_login)


class ChoiceView(Page):
    """Small choices every page offers: language and theme."""

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
