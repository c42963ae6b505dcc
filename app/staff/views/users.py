"""Users and roles, on the house's own screens."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, flash, g, redirect, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.security.forms import ResetPasswordForm
from flask_appbuilder.security.sqla.models import Role
from flask_appbuilder.security.views import (
    ResetMyPasswordView,
    ResetPasswordView,
    UserInfoEditView,
)
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import func, inspect, select
from werkzeug.security import generate_password_hash
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from app.crud.columns import Cell, Title
from app.crud.forms import RowForm
from app.crud.interface import Interface
from app.crud.modelview import ModelView
from app.crud.pages import Page
from app.entities.queries import root
from app.errors import DomainError
from app.extensions import db
from app.security.actor import current_actor
from app.security.areas import Area
from app.security.rights import ADMINISTRATOR
from app.security.roles import is_seeded, role_label
from app.staff.models import StaffUser


class UserView(ModelView):
    """The people who sign in to the back-office."""

    datamodel = Interface(StaffUser)
    route_base = "/users"
    label = _l("Users")
    singular = _l("User")
    add_title = _l("New user")
    icon = "person-badge"
    category = "Security"
    order = 10
    area = Area.SECURITY
    title_parts = ("first_name", "last_name")
    label_columns: ClassVar[dict[str, Any]] = {
        "name": _l("Name"),
        "first_name": _l("First name"),
        "last_name": _l("Last name"),
        "username": _l("User name"),
        "email": _l("E-mail"),
        "active": _l("Can sign in"),
        "roles": _l("Roles"),
        "last_login": _l("Last sign-in"),
        "login_count": _l("Sign-ins"),
    }
    list_columns: ClassVar[Any] = ["name", "username", "email", "entity", "active", "last_login"]
    order_columns: ClassVar[Any] = ["username"]
    base_sort = "username"
    search_columns: ClassVar[Any] = [
        "first_name",
        "last_name",
        "username",
        "email",
        "active",
        "roles",
    ]
    inline_links = ("roles",)
    edit_columns: ClassVar[Any] = [
        "first_name", "last_name", "username", "email", "language", "entity", "roles", "active",
    ]  # fmt: skip
    add_columns: ClassVar[Any] = [*edit_columns, "password"]
    show_columns: ClassVar[Any] = [
        "first_name", "last_name", "username", "email", "language", "entity", "roles", "active",
        "last_login", "login_count",
    ]  # fmt: skip
    help_texts: ClassVar[dict[str, Any]] = {
        "entity": _l("They see this entity and everything below it."),
        "active": _l("Untick to lock somebody out without deleting them."),
    }
    add_form_extra_fields: ClassVar[Any] = {
        "password": PasswordField(
            _l("Password"),
            description=_l("At least 12 characters."),
            validators=[DataRequired(_l("Fill this in.")), Length(12, 200)],
        )
    }

    def defaults(self) -> dict[str, Any]:
        return {"active": True, "entity": root(db.session())}

    def before_save(self, row: StaffUser, form: RowForm) -> None:
        if "password" in form:
            row.password = generate_password_hash(form.password.data)
        row.username = (row.username or "").strip()
        for name in ("username", "email"):
            column = getattr(StaffUser, name)
            query = select(StaffUser.id).where(
                func.lower(column) == getattr(row, name).lower(), StaffUser.id != (row.id or 0)
            )
            if db.session.scalar(query.limit(1)) is not None:
                raise DomainError(
                    _("“%(value)s” is already in use.", value=getattr(row, name)), field=name
                )
        if row.entity is None:
            raise DomainError(_("Choose where this person works."), field="entity")
        is_locked_out = not row.active or not any(r.name == ADMINISTRATOR for r in row.roles)
        if row.id == current_actor().id and is_locked_out:
            raise DomainError(_("You cannot take your own rights away."), field="roles")

    def before_delete(self, row: StaffUser) -> None:
        if row.id == current_actor().id:
            raise DomainError(_("You cannot delete yourself."))

    @expose("/userinfo/")
    def userinfo(self):
        """Show one's own profile."""
        return self.render_template(
            "staff/profile.html", title=_("Your profile"), view=self, row=current_user
        )


class RoleName(Title):
    """The name of a role, in the reader's language where the program gave it."""

    def cell(self, values: tuple) -> Cell:
        return Cell("title", role_label(values[0]), "")


class RoleView(ModelView):
    """Roles: what somebody who holds one may do."""

    datamodel = Interface(Role)
    route_base = "/roles"
    label = _l("Roles")
    singular = _l("Role")
    add_title = _l("New role")
    icon = "key"
    category = "Security"
    order = 20
    area = Area.SECURITY
    label_columns: ClassVar[dict[str, Any]] = {"name": _l("Name"), "permissions": _l("Rights")}
    list_columns: ClassVar[Any] = ["name"]
    order_columns: ClassVar[Any] = ["name"]
    base_sort = "name"
    search_columns: ClassVar[Any] = ["name"]
    inline_links = ("permissions",)
    edit_columns: ClassVar[Any] = ["name", "permissions"]
    show_columns: ClassVar[Any] = ["name", "permissions"]
    unique_columns = ("name",)

    def _init_properties(self) -> None:
        super()._init_properties()
        self.columns["name"] = RoleName(self.datamodel, "name", self.label_of("name"), ("name",))

    def detail(self, row: Role, name: str) -> Cell:
        return Cell("text", str(row)) if name == "name" else super().detail(row, name)

    def before_save(self, row: Role, form: RowForm) -> None:
        before = inspect(row).attrs.name.history.deleted
        if is_seeded(before[0] if before else row.name):
            raise DomainError(
                _("This role is part of the program: duplicate it and change the copy."),
                field="name",
            )

    def before_delete(self, row: Role) -> None:
        if is_seeded(row.name):
            raise DomainError(_("This role is part of the program."))
        if row.user:
            raise DomainError(_("Somebody has this role; take it from them first."))


class ProfileForm(UserInfoEditView.form):
    """One's own name."""

    first_name = StringField(_l("First name"), validators=[DataRequired(), Length(1, 64)])
    last_name = StringField(_l("Last name"), validators=[DataRequired(), Length(1, 64)])


class ProfileView(UserInfoEditView, Page):
    """Change one's own name."""

    route_base = "/profile"
    form = ProfileForm
    form_title = _l("Your name")

    def form_post(self, form):
        """Keep the name."""
        current_user.first_name = form.first_name.data
        current_user.last_name = form.last_name.data
        db.session.commit()
        flash(_("Your name is saved."), "success")
        return redirect(url_for("UserView.userinfo"))


class PasswordForm(ResetPasswordForm):
    """A new password, twice."""

    password = PasswordField(
        _l("New password"),
        description=_l("At least 12 characters."),
        validators=[DataRequired(_l("Fill this in.")), Length(12, 200)],
    )
    conf_password = PasswordField(
        _l("New password, again"),
        validators=[EqualTo("password", message=_l("The two passwords differ."))],
    )


class MyPasswordView(ResetMyPasswordView, Page):
    """Change one's own password."""

    form = PasswordForm
    form_title = _l("Change your password")

    def form_post(self, form):
        """Keep the new password."""
        self.appbuilder.sm.reset_password(g.user.id, form.password.data)
        flash(_("Your password is changed."), "success")
        return redirect(url_for("UserView.userinfo"))


class UserPasswordView(ResetPasswordView, Page):
    """Give another user a new password."""

    area = Area.SECURITY
    form = PasswordForm
    form_title = _l("Give a new password")

    def form_get(self, form):
        """Ask for the new password of somebody who is there."""
        self._whose()

    def _whose(self) -> StaffUser:
        user = Interface(StaffUser).get(request.args.get("pk", ""))
        if user is None:
            abort(404)
        return user

    def form_post(self, form):
        """Keep the new password."""
        user = self._whose()
        self.appbuilder.sm.reset_password(user.id, form.password.data)
        flash(_("The password of %(name)s is changed.", name=str(user)), "success")
        return redirect(f"/users/show/{user.id}")
