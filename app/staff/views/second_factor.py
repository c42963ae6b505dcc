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
from app.log.services import note
from app.security import browser
from app.security.actor import acting_as
from app.security.guard import public
from app.security.sessions import end_session, session_of
from app.security.redirects import safe_target
from app.security.throttle import forget, key_of_user
from app.security.two_factor import (
    address_of,
    lock,
    may_try,
    new_secret,
    picture_of,
    unlock,
    use_code,
)
from app.staff.models import StaffUser
from app.staff.notifications import tell
from app.staff.second_factor import turn_on
from app.staff.views.login import begin_session, let_in


class HalfOpenView(Page):
    """All that a half-open session reaches; nobody is signed in by it."""

    route_base = "/login"

    @expose("/code", methods=["GET", "POST"])
    @public
    def code(self):
        """Ask for the code, or for a recovery code."""
        user = whose()
        if user is None:
            return to_the_door()
        if not user.totp_secret:
            return redirect(url_for("HalfOpenView.set_up"))
        if request.method == "GET":
            return self._code_page()
        is_in_time = may_try(db.session(), user.id)
        db.session.commit()
        if not is_in_time:
            return self._code_page(429, too_many())
        user = whose(holds=True)
        if user is None:
            return to_the_door()
        used = use_code(db.session(), user.id, user.totp_secret, request.form.get("code", ""))
        if used is None:
            note(
                db.session(), "sign_in_failed", user.as_actor(),
                about=user.id, name=str(user), address=request.remote_addr or "", step="code",
            )  # fmt: skip
            db.session.commit()
            return self._code_page(401, _("This code opens nothing. Codes work once only."))
        if used == "recovery":
            note(
                db.session(), "recovery_code_used", user.as_actor(), about=user.id, name=str(user)
            )
            tell(db.session(), user, "recovery_code_used")
        forget(db.session(), key_of_user("code", user.id))
        target = safe_target(session.get("target"))
        self._close()
        return let_in(user, target, used)

    @expose("/setup", methods=["GET", "POST"])
    @public
    def set_up(self):
        """Ask whoever must have a second factor, and has none, to set it up now."""
        user = whose()
        if user is None:
            return to_the_door()
        if user.totp_secret:
            return redirect(url_for("HalfOpenView.code"))
        secret = new_telephone()
        if request.method == "GET":
            return self._set_up_page(user, secret)
        is_in_time = may_try(db.session(), user.id)
        db.session.commit()
        if not is_in_time:
            return self._set_up_page(user, secret, 429, too_many())
        user = whose(holds=True)
        if user is None:
            return to_the_door()
        try:
            with acting_as(user.as_actor()):
                codes = turn_on(db.session(), user, secret, request.form.get("code", ""))
                forget(db.session(), key_of_user("code", user.id))
                target = safe_target(session.get("target"))
                begin_session(user, "code")
        except (DomainError, StaleDataError) as error:
            db.session.rollback()
            text = str(error) if isinstance(error, DomainError) else _("Try again.")
            return self._set_up_page(whose(), secret, 422, text)
        return self.render_template(
            "staff/door_recovery.html", title=_("Recovery codes"), codes=codes, target=target
        )

    def _close(self) -> None:
        """End the half-open session: a full one takes its place."""
        mine = session_of(db.session(), browser.half_token() or "", is_full=False)
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
            **telephone(user, secret),
        )
        return page, status


def whose(*, holds: bool = False) -> StaffUser | None:
    """Return who has given a password in this browser, and nothing more yet.

    ``holds`` keeps everybody else from changing them, and from ending their sessions by that,
    until the commit.
    """
    token = browser.half_token()
    found = session_of(db.session(), token, is_full=False) if token else None
    if found is not None and holds:
        db.session.get(StaffUser, found.user_id, populate_existing=True, with_for_update=True)
        found = session_of(db.session(), token or "", is_full=False)
    user = db.session.get(StaffUser, found.user_id) if found is not None else None
    return user if user is not None and user.is_active else None


def to_the_door():
    """Lead to the first page of signing in."""
    if current_user.is_authenticated:
        return redirect("/")
    flash(_("That took too long: sign in again."), "warning")
    return redirect(url_for("SignInView.login"))


def too_many() -> str:
    """Say that nothing more is tried for a while."""
    return _("Too many wrong codes. Try again in a quarter of an hour.")


def new_telephone() -> str:
    """Return the secret being set up in this browser, encrypted in its cookie until it is kept."""
    secret = unlock(session.get("new_secret"))
    if secret is None:
        secret = new_secret()
        session["new_secret"] = lock(secret)
    return secret


def telephone(user: StaffUser, secret: str) -> dict[str, str]:
    """Return what the page of a new telephone shows."""
    groups = [secret[place : place + 4] for place in range(0, len(secret), 4)]
    address = address_of(secret, user.username)
    return {"picture": picture_of(address), "secret": " ".join(groups), "address": address}
