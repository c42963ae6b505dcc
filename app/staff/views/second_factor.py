"""Between the password and the house: the code of the telephone, or the telephone's first day."""

from __future__ import annotations

from flask import flash, redirect, request, session, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm.exc import StaleDataError

from app.crud.page import Page
from app.errors import DomainError
from app.extensions import db
from app.log.services import record_security_event
from app.security import browser
from app.security.actor import acting_as
from app.security.guard import public
from app.security.redirects import safe_redirect_target
from app.security.sessions import end_session, get_live_session
from app.security.throttle import key_for_user, reset_count
from app.security.two_factor import (
    count_code_attempt,
    decrypt_secret,
    encrypt_secret,
    new_secret,
    provisioning_uri,
    qr_code,
    use_code,
)
from app.staff.models import StaffUser
from app.staff.notifications import notify
from app.staff.second_factor import turn_on
from app.staff.views.login import log_in, log_in_and_redirect


class SecondFactorView(Page):
    """All that a half-open session reaches; nobody is signed in by it."""

    route_base = "/login"

    @expose("/code", methods=["GET", "POST"])
    @public
    def code(self):
        """Ask for the code, or for a recovery code."""
        user = get_pending_user()
        if user is None:
            return redirect_to_login()
        if not user.totp_secret:
            return redirect(url_for("SecondFactorView.set_up"))
        if request.method == "GET":
            return self._code_page()
        is_in_time = count_code_attempt(db.session(), user.id)
        db.session.commit()
        if not is_in_time:
            return self._code_page(429, too_many_codes_message())
        user = get_pending_user(holds=True)
        if user is None:
            return redirect_to_login()
        used = use_code(db.session(), user.id, user.totp_secret, request.form.get("code", ""))
        if used is None:
            record_security_event(
                db.session(), "sign_in_failed", user.as_actor(),
                about=user.id, name=str(user), address=request.remote_addr or "", step="code",
            )  # fmt: skip
            db.session.commit()
            return self._code_page(401, _("This code opens nothing. Codes work once only."))
        if used == "recovery":
            record_security_event(
                db.session(), "recovery_code_used", user.as_actor(), about=user.id, name=str(user)
            )
            notify(db.session(), user, "recovery_code_used")
        reset_count(db.session(), key_for_user("code", user.id))
        target = safe_redirect_target(session.get("target"))
        self._close()
        return log_in_and_redirect(user, target, used)

    @expose("/setup", methods=["GET", "POST"])
    @public
    def set_up(self):
        """Ask whoever must have a second factor, and has none, to set it up now."""
        user = get_pending_user()
        if user is None:
            return redirect_to_login()
        if user.totp_secret:
            return redirect(url_for("SecondFactorView.code"))
        secret = get_new_secret()
        if request.method == "GET":
            return self._set_up_page(user, secret)
        is_in_time = count_code_attempt(db.session(), user.id)
        db.session.commit()
        if not is_in_time:
            return self._set_up_page(user, secret, 429, too_many_codes_message())
        user = get_pending_user(holds=True)
        if user is None:
            return redirect_to_login()
        try:
            with acting_as(user.as_actor()):
                codes = turn_on(db.session(), user, secret, request.form.get("code", ""))
                reset_count(db.session(), key_for_user("code", user.id))
                target = safe_redirect_target(session.get("target"))
                log_in(user, "code")
        except (DomainError, StaleDataError) as error:
            db.session.rollback()
            text = str(error) if isinstance(error, DomainError) else _("Try again.")
            return self._set_up_page(get_pending_user(), secret, 422, text)
        return self.render_template(
            "staff/door_recovery.html", title=_("Recovery codes"), codes=codes, target=target
        )

    def _close(self) -> None:
        """End the half-open session: a full one takes its place."""
        mine = get_live_session(db.session(), browser.pending_token() or "", is_full=False)
        if mine is not None:
            end_session(db.session(), mine.user_id, mine.id, "opened")

    def _code_page(self, status: int = 200, problem: str = ""):
        page = self.render_template(
            "staff/door_code.html", title=_("Enter the code"), problem=problem
        )
        return page, status

    def _set_up_page(self, user: StaffUser, secret: str, status: int = 200, problem: str = ""):
        page = self.render_template(
            "staff/door_set_up.html",
            title=_("Set up two-factor sign-in"),
            problem=problem,
            **setup_context(user, secret),
        )
        return page, status


def get_pending_user(*, holds: bool = False) -> StaffUser | None:
    """Return who has given a password in this browser, and nothing more yet.

    ``holds`` keeps everybody else from changing them, and from ending their sessions by that,
    until the commit.
    """
    token = browser.pending_token()
    found = get_live_session(db.session(), token, is_full=False) if token else None
    if found is not None and holds:
        db.session.get(StaffUser, found.user_id, populate_existing=True, with_for_update=True)
        found = get_live_session(db.session(), token or "", is_full=False)
    user = db.session.get(StaffUser, found.user_id) if found is not None else None
    return user if user is not None and user.is_active else None


def redirect_to_login():
    """Lead to the first page of signing in."""
    if current_user.is_authenticated:
        return redirect("/")
    flash(_("That took too long: sign in again."), "warning")
    return redirect(url_for("SignInView.login"))


def too_many_codes_message() -> str:
    """Say that nothing more is tried for a while."""
    return _("Too many wrong codes. Try again in a quarter of an hour.")


def get_new_secret() -> str:
    """Return the secret being set up in this browser, encrypted in its cookie until it is kept."""
    secret = decrypt_secret(session.get("new_secret"))
    if secret is None:
        secret = new_secret()
        session["new_secret"] = encrypt_secret(secret)
    return secret


def setup_context(user: StaffUser, secret: str) -> dict[str, str]:
    """Return what the page of a new telephone shows."""
    groups = [secret[place : place + 4] for place in range(0, len(secret), 4)]
    address = provisioning_uri(secret, user.username)
    return {"picture": qr_code(address), "secret": " ".join(groups), "address": address}
