"""Your account: where one is signed in, and how to end it."""

from __future__ import annotations

from flask import abort, flash, redirect, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user, logout_user

from app.crud.interface import as_id
from app.extensions import db
from app.log.services import note
from app.security import browser
from app.security.actor import current_actor
from app.security.agents import PHONES, describe
from app.security.sessions import digest, end_session, end_sessions, sessions_of
from app.staff.views.account import AccountPage


class SessionsPage(AccountPage):
    """The browsers one is signed in with."""

    route_base = "/account/sessions"
    part = _l("Sessions")
    part_icon = "laptop"
    order = 40

    @expose("/")
    def show(self):
        """Show them, this one first."""
        mine = digest(browser.own_token() or "")
        found = []
        for row in sessions_of(db.session(), current_user.id):
            name, system = describe(row.agent)
            is_phone = system in PHONES
            found.append((row, name, system, "phone" if is_phone else "laptop"))
        found.sort(key=lambda one: one[0].token_hash != mine)
        return self.page("staff/account/sessions.html", sessions=found, mine=mine)

    @expose("/end/<pk>", methods=["POST"])
    def end(self, pk: str):
        """End one of them."""
        number = as_id(pk)
        if number is None or not end_session(db.session(), current_user.id, number, "ended"):
            abort(404)
        self._note("one")
        flash(_("That session has ended."), "success")
        return redirect(url_for("SessionsPage.show"))

    @expose("/end-others", methods=["POST"])
    def end_others(self):
        """End all but this one."""
        others = len(sessions_of(db.session(), current_user.id)) - 1
        end_sessions(db.session(), [current_user.id], "ended", keep=browser.own_token())
        self._note("others")
        text = ngettext(
            "%(num)s other session has ended.",
            "%(num)s other sessions have ended.",
            max(others, 0),
        )
        flash(text, "success")
        return redirect(url_for("SessionsPage.show"))

    @expose("/end-all", methods=["POST"])
    def end_all(self):
        """End all of them, this one too."""
        end_sessions(db.session(), [current_user.id], "ended")
        self._note("all")
        logout_user()
        browser.forget()
        flash(_("You are signed out everywhere."), "success")
        return redirect(url_for("SignInView.login"))

    def _note(self, which: str) -> None:
        user = current_user
        note(
            db.session(), "sessions_ended", current_actor(),
            about=user.id, name=str(user), which=which,
        )  # fmt: skip
        db.session.commit()
