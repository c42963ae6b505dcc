"""Pages of users."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, flash, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_appbuilder.security.sqla.models import Role
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm.exc import StaleDataError

from app.crud.formpages import add_form_error
from app.crud.forms import FormBuilder, RowForm
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.crud.tabs import count_tabs, get_tabs
from app.entities.models import Entity
from app.entities.queries import get_root
from app.errors import DomainError
from app.extensions import db
from app.i18n.counted import Counted
from app.security.actor import current_actor
from app.security.areas import Area
from app.security.redirects import safe_redirect_target
from app.staff.access import RolesField
from app.staff.models import StaffUser
from app.staff.services import send_welcome
from app.staff.tabs import AccessTab, access_context, why_not_editable


class UserView(ModelView):
    """Users of the back-office."""

    datamodel = ScopedInterface(StaffUser)
    route_base = "/users"
    fab_name = "user"
    trash = True
    # The log refers to users, so they are never deleted for good.
    can_be_purged = False
    trash_note = _l("This user is in the trash. Restore it to edit it.")
    hint_columns = ("username", "entity")
    label = _l("Users")
    singular = _l("User")
    counted = Counted("%(num)s user", "%(num)s users")
    add_title = _l("New user")
    all_label = _l("All users")
    per_page_label = _l("Users per page")
    icon = "person-badge"
    has_faces = True
    category = "Security"
    order = 10
    area = Area.SECURITY
    title_parts = ("first_name", "last_name")
    label_columns: ClassVar[dict[str, Any]] = {
        "name": _l("Name"),
        "first_name": _l("First name"),
        "last_name": _l("Last name"),
        "username": _l("Username"),
        "email": _l("E-mail"),
        "active": _l("Can sign in"),
        "roles": _l("Roles"),
        "last_login": _l("Last sign-in"),
        "login_count": _l("Sign-ins"),
    }
    list_columns: ClassVar[Any] = ["name", "username", "email", "entity", "active", "last_login"]
    more_columns = ("language", "employed_until", "login_count")
    base_sort = "username"
    search_columns: ClassVar[Any] = [
        "first_name", "last_name", "username", "email", "active", "employed_until", "roles",
    ]  # fmt: skip
    inline_links = ("roles",)
    edit_fieldsets: ClassVar[Any] = [
        (_l("Person"), {"fields": ["first_name", "last_name", "username", "email", "language"]}),
        (_l("Access"), {"fields": ["entity", "employed_until", "active", "roles"]}),
    ]  # fmt: skip
    show_fieldsets: ClassVar[Any] = [
        (_l("Person"), {"fields": ["first_name", "last_name", "username", "email", "language"]}),
        (
            _l("Access"),
            {"fields": ["entity", "employed_until", "active", "roles", "last_login",
                        "login_count"]},
        ),
    ]  # fmt: skip
    unique_columns = ("username", "email")
    description_columns: ClassVar[dict[str, Any]] = {
        "entity": _l("Users can access this entity and everything below it."),
        "employed_until": _l("The last day this person can sign in. Leave blank for no end date."),
        "active": _l("Turn off to block access without deleting the user."),
    }
    add_form_extra_fields: ClassVar[Any] = {"roles": RolesField(_l("Rights"), model=Role)}
    edit_form_extra_fields = add_form_extra_fields
    access_columns = ("roles", "entity", "employed_until", "active")

    def _init_forms(self) -> None:
        super()._init_forms()
        self.access_form = FormBuilder(self.datamodel, "/users", ()).create_form(
            self.label_columns,
            list(self.access_columns),
            self.description_columns,
            extra_fields=self.edit_form_extra_fields,
        )

    def defaults(self) -> dict[str, Any]:
        home = current_actor().home_id
        entity = db.session.get(Entity, home) if home else get_root(db.session())
        return {"active": True, "entity": entity}

    def make_edit_form(self, row: StaffUser) -> RowForm:
        """Leave out the fields that the current user may not change, with a remark why."""
        form = super().make_edit_form(row)
        if why := why_not_editable(row):
            is_own = row.id == current_actor().id
            for name in (*self.access_columns, "email") if is_own else self.edit_columns:
                del form[name]
            own = _("Change your own e-mail in your account, top right.")
            form.notice = f"{why} {own}" if is_own else why
        return form

    def before_save(self, row: StaffUser, form: RowForm) -> None:
        row.username = (row.username or "").strip()

    def check_unique(self, row: StaffUser, *, only_changed: bool = False) -> None:
        """Leave it to ``staff.unique_names``: a listener compares names by what they look like."""

    def after_save(self, row: StaffUser, form: RowForm) -> None:
        if isinstance(form, self.add_form):
            send_welcome(db.session(), row)

    def why_not_deleted(self, row: StaffUser) -> str | None:
        if row.id == current_actor().id:
            return _("You can’t delete yourself.")
        return super().why_not_deleted(row)

    @expose("/rights/<pk>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def rights(self, pk: str):
        """Change a user's access rights, from the tab of the user or of their contact."""
        row = self.find(pk)
        if why_not_editable(row):
            abort(403)
        form = self.access_form(obj=row)
        back = safe_redirect_target(request.form.get("next"))
        if self._is_stale(form, row):
            return self._rights_page(form, row, back, 409)
        if form.validate():
            try:
                with db.session.no_autoflush:
                    for name in self.access_columns:
                        form[name].populate_obj(row, name)
                    self.before_save(row, form)
                db.session.commit()
            except DomainError as error:
                db.session.rollback()
                add_form_error(form, error)
            except StaleDataError:
                db.session.rollback()
                return self._rights_page(form, self.find(pk), back, 409)
            else:
                flash(_("Rights of %(name)s saved.", name=str(row)), "success")
                return redirect(back)
        return self._rights_page(form, self.find(pk), back, 422)

    def _rights_page(self, form: RowForm, row: StaffUser, back: str, status: int):
        if status == 409:
            form.validate()
            form.version.data, form.version.raw_data = str(row.version), None
        card = access_context(row, back, form) | {"is_stale": status == 409}
        tabs = count_tabs(db.session(), row, get_tabs(StaffUser))
        page = self.render_template(
            self.show_template, title=str(row), row=row, view=self, tabs=tabs, tab=AccessTab,
            access=card,
        )  # fmt: skip
        return page, status
