"""Pages of roles."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import g
from flask import session as cookie
from flask_appbuilder.security.sqla.models import PermissionView, Role, assoc_user_role
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, func, inspect, select

from app.crud.columns import Cell, ListColumn, TitleColumn
from app.crud.forms import RowForm
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.crud.sorting import GroupSort, Sort
from app.errors import DomainError
from app.extensions import db
from app.i18n.counted import Counted
from app.i18n.formats import show_number
from app.security.actor import Actor, current_actor
from app.security.areas import Area
from app.security.privileges import permissions_by_role, permissions_of_actor
from app.security.roles import is_seeded, role_label
from app.security.scope import entity_in_reach
from app.staff.access import describe_role
from app.staff.models import StaffUser
from app.staff.rights_table import RightsField


class RoleName(TitleColumn):
    """The name of a role; names of seeded roles are translated."""

    def __init__(self, datamodel: ScopedInterface, name: str, label: Any) -> None:
        super().__init__(datamodel, name, label, ("name",))

    def cell(self, values: tuple) -> Cell:
        return Cell("title", role_label(values[0]), "")

    def sort(self) -> Sort | None:
        return self.sort_by_text(lambda: Role.name, role_label)


class RoleDescription(ListColumn):
    """A one-line description of a role's permissions."""

    why_not_sorted = _l("This column is a description, so it can’t be sorted.")

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, [Role.id]

    def cell(self, values: tuple) -> Cell:
        if "role_descriptions" not in g:
            roles = list(db.session.scalars(select(Role)))
            by_role = permissions_by_role(roles)
            g.role_descriptions = {role.id: describe_role(role, by_role) for role in roles}
        return Cell("text", g.role_descriptions.get(values[0], ""))


class RoleHolders(ListColumn):
    """The number of users with a role that the reader may see."""

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, [self._count()]

    def _count(self) -> Any:
        users = StaffUser.__table__
        link = assoc_user_role.c
        return (
            select(func.count())
            .select_from(assoc_user_role.join(users, users.c.id == link.user_id))
            .where(
                link.role_id == Role.id,
                users.c.trashed_at.is_(None),
                entity_in_reach(users.c.entity_id, current_actor()),
            )
            .correlate(Role)
            .scalar_subquery()
        )

    def sort(self) -> Sort | None:
        return GroupSort(self._count, int, lambda values, _actor: {v: v for v in values})

    def cell(self, values: tuple) -> Cell:
        return Cell("text", show_number(values[0]))


class RoleView(ModelView):
    """Roles and their permissions."""

    datamodel = ScopedInterface(Role)
    route_base = "/roles"
    label = _l("Roles")
    singular = _l("Role")
    counted = Counted("%(num)s role", "%(num)s roles")
    add_title = _l("New role")
    icon = "key"
    category = "Security"
    order = 20
    area = Area.SECURITY
    is_personal = False
    label_columns: ClassVar[dict[str, Any]] = {
        "name": _l("Name"),
        "permissions": _l("Rights"),
        "needs_second_factor": _l("Two-factor authentication required"),
        "words": _l("Permissions"),
        "holders": _l("People"),
    }
    list_columns: ClassVar[Any] = ["name", "words", "holders"]
    column_types: ClassVar[dict[str, type[ListColumn]]] = {
        "name": RoleName, "words": RoleDescription, "holders": RoleHolders,
    }  # fmt: skip
    base_sort = "name"
    search_columns: ClassVar[Any] = ["name", "needs_second_factor"]
    edit_columns: ClassVar[Any] = ["name", "needs_second_factor", "permissions"]
    show_columns: ClassVar[Any] = ["name", "needs_second_factor", "permissions"]
    detail_templates: ClassVar[dict[str, str]] = {"permissions": "staff/rights_list.html"}
    description_columns: ClassVar[dict[str, Any]] = {
        "needs_second_factor": _l("People with this role must use two-factor authentication."),
    }
    add_form_extra_fields: ClassVar[Any] = {
        "permissions": RightsField(_l("Rights"), model=PermissionView)
    }
    edit_form_extra_fields = add_form_extra_fields

    def detail_cell(self, row: Role, name: str) -> Cell:
        return Cell("text", str(row)) if name == "name" else super().detail_cell(row, name)

    def duplicate_defaults(self, row: Role) -> dict[str, Any]:
        return {"name": _("Copy of %(name)s", name=str(row))[:64]}

    def make_edit_form(self, row: Role) -> RowForm:
        """Leave out the fields that the current user may not change, with a remark why."""
        form = super().make_edit_form(row)
        actor = current_actor()
        held = permissions_of_actor(actor)
        is_top = held.is_all and actor.entity_ids is None
        left_out: tuple[str, ...] = ()
        if is_seeded(row.name):
            form.notice = _("This is a built-in role. Duplicate it and edit the copy.")
            left_out = ("name", "permissions") if is_top else tuple(self.edit_columns)
        elif not is_top and row.id in actor.role_ids:
            form.notice = _("You have this role. You can’t change your own rights.")
            left_out = tuple(self.edit_columns)
        elif not held.includes(permissions_by_role([row])[row.id]):
            form.notice = _("This role has rights that you don’t have.")
            left_out = tuple(self.edit_columns)
        for name in left_out:
            del form[name]
        return form

    def before_save(self, row: Role, form: RowForm) -> None:
        # A changed role ends its users' sessions; this browser's stays if the role is one's own.
        db.session.info["keep_session"] = cookie.get("token")
        if "name" not in form:
            return
        before = inspect(row).attrs.name.history.deleted
        if is_seeded(before[0] if before else row.name) or is_seeded(row.name):
            raise DomainError(
                _("This is a built-in role. Duplicate it and edit the copy."),
                field="name",
            )

    def check_unique(self, row: Role, *, only_changed: bool = False) -> None:
        """Leave it to ``staff.unique_names``: a listener compares names by what they look like."""

    def why_not_deleted(self, row: Role) -> str | None:
        if is_seeded(row.name):
            return _("This is a built-in role.")
        return super().why_not_deleted(row)
