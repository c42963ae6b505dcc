"""Account pages: profile and password of the current user, and their base class."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user, login_user
from wtforms import BooleanField, PasswordField
from wtforms.validators import DataRequired, EqualTo

from app.crud.basepage import Page
from app.crud.forms import FormBuilder
from app.crud.interface import ScopedInterface
from app.errors import DomainError
from app.extensions import db
from app.log.services import record_security_event
from app.security import browser
from app.security.models import SignInSession
from app.security.passwords import MAX_LENGTH, MIN_LENGTH, hash_password, password_problem
from app.security.sessions import create_session, get_live_session
from app.staff.api_keys import revoke_all_keys, valid_keys
from app.staff.models import StaffUser
from app.staff.notifications import notify
from app.staff.views.login import request_origin
from app.staff.views.reauthentication import PasswordConfirmedForm, password_confirmed


class AccountPage(Page, abstract=True):
    """A page of the current user's own account, open to every logged-in user."""

    part: ClassVar[Any]
    part_icon: ClassVar[str]
    default_view = "show"

    def page(self, template: str, status: int = 200, **more: Any):
        """Render the page with the navigation of all account pages."""
        parts = sorted(AccountPage.all(), key=lambda part: part.order)
        text = self.render_template(
            template, title=self.part, parts=parts, here=self.route_base, row=current_user, **more
        )
        return text, status


class ProfilePage(AccountPage):
    """The current user's name, language and e-mail."""

    route_base = "/account"
    part = _l("Profile")
    part_icon = "person-circle"
    order = 10

    @expose("/", methods=["GET", "POST"])
    def show(self):
        """Show and change the profile; a new e-mail requires the password."""
        form = self._form()
        if request.method == "GET":
            return self.page("staff/account/profile.html", form=form)
        if form.validate() and self._save(form):
            flash(_("Profile saved."), "success")
            return redirect(url_for("ProfilePage.show"))
        return self.page("staff/account/profile.html", 422, form=form)

    def _form(self):
        names = ["first_name", "last_name", "email", "language"]
        labels = {
            "first_name": _("First name"),
            "last_name": _("Last name"),
            "email": _("E-mail"),
            "language": _("Language"),
        }
        builder = FormBuilder(ScopedInterface(StaffUser), "/account", ())
        base = builder.create_form(labels, names, {}, {}, {}, {})
        return type("ProfileForm", (ProfileConfirmedForm, base), {})(obj=current_user)

    def _save(self, form) -> bool:
        user = current_user._get_current_object()
        try:
            with password_confirmed(db.session()):
                for name in ("first_name", "last_name", "email", "language"):
                    form[name].populate_obj(user, name)
                db.session.commit()
        except DomainError as error:
            db.session.rollback()
            field = form[error.field if error.field in form else "email"]
            field.errors = [*field.errors, str(error)]
            return False
        return True


class ProfileConfirmedForm(PasswordConfirmedForm):
    """Require the password for a new e-mail, as login links are sent there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.present.description = _("Only required if you change the e-mail.")

    def needs_password(self) -> bool:
        return self["email"].data != current_user.email


class PasswordForm(PasswordConfirmedForm):
    """The current password once, the new one twice."""

    password = PasswordField(_l("New password"), [DataRequired(_l("This field is required."))])
    again = PasswordField(
        _l("Confirm new password"), [EqualTo("password", _l("The two passwords don’t match."))]
    )
    keys = BooleanField(_l("Also revoke my API keys"), default=True)


class PasswordPage(AccountPage):
    """The current user's password."""

    route_base = "/account/password"
    part = _l("Password")
    part_icon = "key"
    order = 20

    @expose("/", methods=["GET", "POST"])
    def show(self):
        """Change the password; all other sessions end."""
        form = PasswordForm()
        if request.method == "GET":
            return self._page(form)
        user = current_user._get_current_object()
        if not form.validate():
            return self._page(form, 422)
        about = (user.first_name, user.last_name, user.username, user.email)
        if problem := password_problem(form.password.data, *about):
            form.password.errors = [problem]
            return self._page(form, 422)
        if not change_password(user, hash_password(form.password.data), form.keys.data):
            # The guard redirects to the login page and says that the session has ended.
            return redirect(url_for("PasswordPage.show"))
        flash(_("Password changed. You have been signed out of your other sessions."), "success")
        return redirect(url_for("ProfilePage.show"))

    def _page(self, form: PasswordForm, status: int = 200):
        return self.page(
            "staff/account/password.html",
            status,
            form=form,
            shortest=MIN_LENGTH,
            longest=MAX_LENGTH,
            keys=len(valid_keys(db.session(), current_user.id)),
        )


def change_password(user: StaffUser, password_hash: str, ends_keys: bool) -> bool:
    """Store a new password and commit; replace this browser's session and end all others.

    Return False, and change nothing, if the session was ended while the passwords were checked.
    """
    work = db.session()
    work.get(StaffUser, user.id, populate_existing=True, with_for_update=True)
    if get_live_session(work, SignInSession, browser.session_token() or "") is None:
        work.rollback()
        return False
    token = create_session(work, SignInSession, user.id, **request_origin())
    work.info["keep_session"] = token
    try:
        user.password = password_hash
        record_security_event(
            work, "password_changed", user.as_actor(), about=user.id, name=str(user)
        )
        ended = revoke_all_keys(work, user, user.as_actor()) if ends_keys else 0
        notify(work, user, "password_changed", keys=ended)
        work.commit()
    finally:
        work.info.pop("keep_session", None)
    browser.start_session(token)
    login_user(user)
    return True


class OldAddresses(Page):
    """Redirects from former URLs of account pages."""

    route_base = ""

    @expose("/users/userinfo/")
    def userinfo(self):
        """Redirect Flask-AppBuilder's URL of the profile."""
        return redirect(url_for("ProfilePage.show"))
