"""Account page: two-factor authentication; and removing it from another user."""

from __future__ import annotations

from flask import abort, flash, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm.exc import StaleDataError
from wtforms import StringField
from wtforms.validators import DataRequired

from app.crud.basepage import Page
from app.crud.interface import ScopedInterface
from app.errors import DomainError
from app.extensions import db
from app.security import browser
from app.security.actor import current_actor
from app.security.areas import Area
from app.security.models import RecoveryCode
from app.security.throttle import key_for_user, reset_count
from app.security.two_factor import count_code_attempt, use_code
from app.staff.models import StaffUser
from app.staff.second_factor import renew_codes, turn_off, turn_on
from app.staff.views.account import AccountPage
from app.staff.views.reauthentication import PasswordConfirmedForm
from app.staff.views.second_factor import get_new_secret, setup_context, too_many_codes_message
from app.staff.views.users import UserView


class CodeForm(PasswordConfirmedForm):
    """The current password, and a code."""

    code = StringField(validators=[DataRequired(_l("This field is required."))])


class TwoFactorPage(AccountPage):
    """The current user's second factor."""

    route_base = "/account/two-factor"
    part = _l("Two-factor authentication (2FA)")
    part_icon = "shield-lock"
    order = 30

    @expose("/", methods=["GET", "POST"])
    def show(self):
        """Show whether it is on; set it up, which requires the password and a code."""
        user = current_user._get_current_object()
        form = CodeForm()
        if user.totp_secret:
            return self._state(form)
        secret = get_new_secret()
        if request.method == "GET":
            return self._set_up(form, user, secret)
        if not form.validate():
            return self._set_up(form, user, secret, 422)
        try:
            self._count(user)
            codes = turn_on(
                db.session(), user, secret, form.code.data or "", keep=browser.session_token()
            )
            reset_count(db.session(), key_for_user("code", StaffUser, user.id))
            db.session.commit()
        except (DomainError, StaleDataError) as error:
            self._undo(form, error)
            return self._set_up(form, user, secret, 422)
        browser.clear_new_secret()
        return self.page("staff/account/recovery_codes.html", codes=codes)

    @expose("/codes", methods=["POST"])
    def codes(self):
        """Renew the recovery codes, which requires the password and a code."""
        user = current_user._get_current_object()
        form = CodeForm()
        if not form.validate():
            return self._state(form, 422)
        try:
            self._use_code(form, user)
            codes = renew_codes(db.session(), user)
            db.session.commit()
        except (DomainError, StaleDataError) as error:
            self._undo(form, error)
            return self._state(form, 422)
        return self.page("staff/account/recovery_codes.html", codes=codes)

    @expose("/off", methods=["POST"])
    def off(self):
        """Turn it off, which requires the password and a code; refuse it if a role requires it."""
        user = current_user._get_current_object()
        form = CodeForm()
        if not form.validate():
            return self._state(form, 422)
        try:
            self._use_code(form, user)
            if user.needs_second_factor:
                raise DomainError(_("Your role requires it. It can’t be turned off."))
            turn_off(db.session(), user, current_actor(), keep=browser.session_token())
            db.session.commit()
        except (DomainError, StaleDataError) as error:
            self._undo(form, error)
            return self._state(form, 422)
        flash(_("Two-factor authentication is off."), "success")
        return redirect(url_for("TwoFactorPage.show"))

    def _use_code(self, form: CodeForm, user: StaffUser) -> None:
        if not user.totp_secret:
            raise DomainError(_("Two-factor authentication is off."))
        self._count(user)
        if not use_code(
            db.session(), RecoveryCode, StaffUser, user.id, user.totp_secret, form.code.data or ""
        ):
            raise DomainError(_("This code is not valid. Each code works only once."))
        reset_count(db.session(), key_for_user("code", StaffUser, user.id))

    def _count(self, user: StaffUser) -> None:
        is_in_time = count_code_attempt(db.session(), StaffUser, user.id)
        db.session.commit()
        if not is_in_time:
            raise DomainError(too_many_codes_message())

    def _undo(self, form: CodeForm, error: Exception) -> None:
        """Roll back, and show the error beside the code."""
        db.session.rollback()
        text = str(error) if isinstance(error, DomainError) else _("Try again.")
        form.code.errors = [text]

    def _set_up(self, form: CodeForm, user: StaffUser, secret: str, status: int = 200):
        form.code.label.text = _("Enter the 6-digit code")
        return self.page(
            "staff/account/two_factor.html", status, form=form, **setup_context(user, secret)
        )

    def _state(self, form: CodeForm, status: int = 200):
        form.code.label.text = _("6-digit code or recovery code")
        left = db.session.scalar(
            select(func.count(RecoveryCode.id)).where(
                RecoveryCode.user_id == current_user.id, RecoveryCode.used_at.is_(None)
            )
        )
        return self.page("staff/account/two_factor_on.html", status, form=form, codes_left=left)


class RemoveSecondFactorView(Page):
    """Remove another user's second factor, such as when their telephone is lost."""

    route_base = "/users"
    class_permission_name = UserView.__name__
    area = Area.SECURITY

    @expose("/nofactor/<pk>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def take_off(self, pk: str):
        """Remove it; if a role requires one, the next login sets up a new one."""
        user = ScopedInterface(StaffUser).get(pk)
        if user is None:
            abort(404)
        if user.id == current_user.id:
            raise DomainError(_("Turn off your own two-factor authentication in your account."))
        if user.totp_secret:
            turn_off(db.session(), user, current_actor())
            db.session.commit()
            flash(
                _("%(name)s now signs in without two-factor authentication.", name=str(user)),
                "success",
            )
        return redirect(f"/users/show/{user.id}")
