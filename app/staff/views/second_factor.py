"""Second step of the login: enter a code, or set up a second factor that a role requires."""

from __future__ import annotations

from flask import flash, redirect, request, session, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm.exc import StaleDataError

from app.crud.basepage import Page
from app.errors import DomainError
from app.extensions import db
from app.log.services import record_security_event
from app.security import browser
from app.security.actor import acting_as
from app.security.guard import public
from app.security.models import RecoveryCode, SignInSession
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
    """The pages of a pending session, which is not logged in yet."""

    route_base = "/login"

    @expose("/code", methods=["GET", "POST"])
    @public
    def code(self):
        """Log in with a code or a recovery code."""
        user = get_pending_user()
        if user is None:
            return redirect_to_login()
        if not user.totp_secret:
            return redirect(url_for("SecondFactorView.set_up"))
        if request.method == "GET":
            return self._code_page()
        if not request.form.get("code", "").strip():
            return self._code_page(401, _("Enter the code."))
        is_in_time = count_code_attempt(db.session(), StaffUser, user.id)
        db.session.commit()
        if not is_in_time:
            return self._code_page(429, too_many_codes_message())
        user = get_pending_user(lock=True)
        if user is None:
            return redirect_to_login()
        used = use_code(
            db.session(),
            RecoveryCode,
            StaffUser,
            user.id,
            user.totp_secret,
            request.form.get("code", ""),
        )
        if used is None:
            record_security_event(
                db.session(), "sign_in_failed", user.as_actor(),
                about=user.id, name=str(user), address=request.remote_addr or "", step="code",
            )  # fmt: skip
            db.session.commit()
            return self._code_page(401, _("This code is not valid. Each code works only once."))
        if used == "recovery":
            record_security_event(
                db.session(), "recovery_code_used", user.as_actor(), about=user.id, name=str(user)
            )
            notify(db.session(), user, "recovery_code_used")
        reset_count(db.session(), key_for_user("code", StaffUser, user.id))
        target = safe_redirect_target(session.get("target"))
        self._end_pending_session()
        return log_in_and_redirect(user, target, used)

    @expose("/setup", methods=["GET", "POST"])
    @public
    def set_up(self):
        """Set up a second factor if a role requires it and there is none, and log in."""
        user = get_pending_user()
        if user is None:
            return redirect_to_login()
        if user.totp_secret:
            return redirect(url_for("SecondFactorView.code"))
        secret = get_new_secret()
        if request.method == "GET":
            return self._set_up_page(user, secret)
        if not request.form.get("code", "").strip():
            return self._set_up_page(user, secret, 422, _("Enter the code."))
        is_in_time = count_code_attempt(db.session(), StaffUser, user.id)
        db.session.commit()
        if not is_in_time:
            return self._set_up_page(user, secret, 429, too_many_codes_message())
        user = get_pending_user(lock=True)
        if user is None:
            return redirect_to_login()
        try:
            with acting_as(user.as_actor()):
                codes = turn_on(db.session(), user, secret, request.form.get("code", ""))
                reset_count(db.session(), key_for_user("code", StaffUser, user.id))
                target = safe_redirect_target(session.get("target"))
                log_in(user, "code")
        except (DomainError, StaleDataError) as error:
            db.session.rollback()
            text = str(error) if isinstance(error, DomainError) else _("Try again.")
            return self._set_up_page(get_pending_user(), secret, 422, text)
        return self.render_template(
            "staff/login_recovery_codes.html",
            title=_("Recovery codes"),
            codes=codes,
            target=target,
        )

    def _end_pending_session(self) -> None:
        """End the pending session: a full one takes its place."""
        mine = get_live_session(
            db.session(), SignInSession, browser.pending_token() or "", is_full=False
        )
        if mine is not None:
            end_session(db.session(), SignInSession, mine.user_id, mine.id, "opened")

    def _code_page(self, status: int = 200, problem: str = ""):
        page = self.render_template(
            "staff/login_code.html", title=_("Enter the code"), problem=problem
        )
        return page, status

    def _set_up_page(self, user: StaffUser, secret: str, status: int = 200, problem: str = ""):
        page = self.render_template(
            "staff/login_set_up.html",
            title=_("Set up two-factor authentication"),
            problem=problem,
            **setup_context(user, secret),
        )
        return page, status


def get_pending_user(*, lock: bool = False) -> StaffUser | None:
    """Return the active user of this browser's pending session, or None.

    ``lock`` locks the user's row until the commit, so that nobody changes it, and ends the
    session by that, meanwhile.
    """
    token = browser.pending_token()
    row = get_live_session(db.session(), SignInSession, token, is_full=False) if token else None
    if row is not None and lock:
        db.session.get(StaffUser, row.user_id, populate_existing=True, with_for_update=True)
        row = get_live_session(db.session(), SignInSession, token or "", is_full=False)
    user = db.session.get(StaffUser, row.user_id) if row is not None else None
    return user if user is not None and user.is_active else None


def redirect_to_login():
    """Redirect to the login page, or to the start page if already logged in."""
    if current_user.is_authenticated:
        return redirect("/")
    flash(_("This took too long. Sign in again."), "warning")
    return redirect(url_for("SignInView.login"))


def too_many_codes_message() -> str:
    """Return the message for too many wrong codes."""
    return _("Too many wrong codes. Try again in 15 minutes.")


def get_new_secret() -> str:
    """Return the secret that is being set up; it is encrypted in the cookie until stored."""
    secret = decrypt_secret(session.get("new_secret"))
    if secret is None:
        secret = new_secret()
        session["new_secret"] = encrypt_secret(secret)
    return secret


def setup_context(user: StaffUser, secret: str) -> dict[str, str]:
    """Return the template context of the set-up: QR code, secret in groups of four, URI."""
    groups = [secret[place : place + 4] for place in range(0, len(secret), 4)]
    address = provisioning_uri(secret, user.username)
    return {"picture": qr_code(address), "secret": " ".join(groups), "address": address}
