"""Account page: the current user's sessions."""

from __future__ import annotations

from flask import abort, flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user, logout_user

from app.crud.interface import parse_id
from app.extensions import db
from app.log.services import record_security_event
from app.security import browser
from app.security.actor import current_actor
from app.security.models import SignInSession
from app.security.sessions import end_session, end_sessions, hash_token, list_live_sessions
from app.security.user_agents import PHONES, describe_user_agent
from app.staff.api_keys import revoke_all_keys, valid_keys
from app.staff.views.account import AccountPage


class SessionsPage(AccountPage):
    """The current user's live sessions."""

    route_base = "/account/sessions"
    part = _l("Sessions")
    part_icon = "laptop"
    order = 40

    @expose("/")
    def show(self):
        """Show the sessions, the current one first."""
        current = hash_token(browser.session_token() or "")
        sessions = []
        for row in list_live_sessions(db.session(), SignInSession, current_user.id):
            name, system = describe_user_agent(row.agent)
            is_phone = system in PHONES
            sessions.append((row, name, system, "phone" if is_phone else "laptop"))
        sessions.sort(key=lambda item: item[0].token_hash != current)
        keys = len(valid_keys(db.session(), current_user.id))
        return self.page(
            "staff/account/sessions.html", sessions=sessions, current=current, keys=keys
        )

    @expose("/end/<pk>", methods=["POST"])
    def end(self, pk: str):
        """End one session."""
        number = parse_id(pk)
        if number is None or not end_session(
            db.session(), SignInSession, current_user.id, number, "ended"
        ):
            abort(404)
        self._note("one")
        flash(_("Signed out of that session."), "success")
        return redirect(url_for("SessionsPage.show"))

    @expose("/end-others", methods=["POST"])
    def end_others(self):
        """End all sessions but the current one, and the API keys if asked."""
        others = len(list_live_sessions(db.session(), SignInSession, current_user.id)) - 1
        end_sessions(
            db.session(), SignInSession, [current_user.id], "ended", keep=browser.session_token()
        )
        ended = self._end_keys()
        self._note("others")
        text = ngettext(
            "Signed out of %(num)s other session.",
            "Signed out of %(num)s other sessions.",
            max(others, 0),
        )
        flash(text, "success")
        if ended:
            flash(
                ngettext("%(num)s API key was revoked.", "%(num)s API keys were revoked.", ended),
                "success",
            )
        return redirect(url_for("SessionsPage.show"))

    @expose("/end-all", methods=["POST"])
    def end_all(self):
        """End all sessions, and the API keys if asked."""
        end_sessions(db.session(), SignInSession, [current_user.id], "ended")
        self._end_keys()
        self._note("all")
        logout_user()
        browser.clear_session()
        flash(_("You have been signed out everywhere."), "success")
        return redirect(url_for("SignInView.login"))

    def _end_keys(self) -> int:
        """Revoke the API keys if the box is checked; return how many."""
        if "keys" not in request.form:
            return 0
        return revoke_all_keys(db.session(), current_user._get_current_object(), current_actor())

    def _note(self, which: str) -> None:
        user = current_user
        record_security_event(
            db.session(), "sessions_ended", current_actor(),
            about=user.id, name=str(user), which=which,
        )  # fmt: skip
        db.session.commit()
