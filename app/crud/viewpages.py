"""The pages of the saved views of a list: save, change, share, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_appbuilder.security.sqla.models import User
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import Select, bindparam, func, or_, select
from werkzeug.datastructures import MultiDict

from app.crud.interface import parse_id
from app.crud.listing import ListState, decode_query, encode_query
from app.crud.models import SavedView
from app.crud.prepared import finished, prepared, read
from app.crud.submissions import AlreadySubmitted, claim_submission, record_created_row
from app.crud.table import Table
from app.database import KEEPS_PLAN
from app.errors import DomainError
from app.extensions import db
from app.security.actor import Actor, current_actor
from app.security.roles import role_label
from app.security.scope import scope_condition, visible
from app.text import clean, fold, sort_key

# Saved views of one list that a user may have.
MAX_VIEWS = 50


class SavedViewPages:
    """Mixin of a list: its saved views, each a tab above it."""

    route_base: str
    key: str
    table: Table
    render_template: Any

    def saved_views(self) -> Sequence[Any]:
        """Return (id, name, query, owner_id, role_id) of the views the user sees as tabs."""
        actor = current_actor()
        query = prepared(actor, (SavedView,), lambda: finished(_select_views(actor)))
        rows = read(query, {"key": self.key})
        return sorted(rows, key=lambda row: (sort_key(row.name), row.id))

    @expose("/views/")
    @has_access
    @permission_name("list")
    def views(self):
        """List the saved views the user sees or may delete."""
        rows = db.session.scalars(self._manageable()).all()
        return self.render_template(
            "crud/views.html",
            title=_("Saved views"),
            view=self,
            rows=sorted(rows, key=lambda row: (sort_key(row.name), row.id)),
            owners=_names({row.owner_id for row in rows}),
            may_edit=_may_edit,
            role_label=role_label,
        )

    @expose("/views/new", methods=["GET", "POST"])
    @has_access
    @permission_name("list")
    def save_view(self):
        """Save the current list under a name, for the user or for one of their roles."""
        is_sent = request.method == "POST"
        on = request.values.get("on", "") if is_sent else encode_query(request.args)
        if not is_sent:
            return self._form(on, "", None, "")
        view = SavedView(list_name=self.key, owner_id=current_user.id)
        view.query = self._state(on).full_query()
        name, role_id = _typed_name(), _typed_role(None)
        try:
            # Sent twice, the form made the view already.
            claim_submission(db.session())
            self._check(name, view)
        except AlreadySubmitted as earlier:
            db.session.rollback()
            return redirect(self._view_url(view.query, earlier.row_id))
        except DomainError as error:
            db.session.rollback()
            return self._form(on, name, role_id, str(error))
        view.name, view.role_id = name, role_id
        db.session.add(view)
        db.session.flush()
        record_created_row(db.session(), view.id)
        db.session.commit()
        flash(_("View “%(name)s” saved.", name=name), "success")
        return redirect(self._view_url(view.query, view.id))

    @expose("/views/<int:view_id>/save", methods=["POST"])
    @has_access
    @permission_name("list")
    def update_view(self, view_id: int):
        """Save the filters, order and columns of the current list into the user's view."""
        view = self._find(view_id)
        view.query = self._state(request.form.get("on", "")).full_query()
        db.session.commit()
        flash(_("View “%(name)s” saved.", name=view.name), "success")
        return redirect(self._view_url(view.query, view.id))

    @expose("/views/<int:view_id>/edit", methods=["GET", "POST"])
    @has_access
    @permission_name("list")
    def edit_view(self, view_id: int):
        """Rename one of the user's views, or change whom it is shared with."""
        view = self._find(view_id)
        if request.method == "GET":
            return self._form("", view.name, view.role_id, "", view)
        name, role_id = _typed_name(), _typed_role(view.role_id)
        try:
            self._check(name, view)
        except DomainError as error:
            return self._form("", name, role_id, str(error), view)
        view.name, view.role_id = name, role_id
        db.session.commit()
        flash(_("View “%(name)s” saved.", name=name), "success")
        return redirect(self._view_url(view.query, view.id))

    @expose("/views/<int:view_id>/delete", methods=["POST"])
    @has_access
    @permission_name("list")
    def delete_view(self, view_id: int):
        """Delete one of the user's own views; administrators also delete shared ones."""
        view = self._find(view_id)
        name = view.name
        db.session.delete(view)
        db.session.commit()
        flash(_("View “%(name)s” deleted.", name=name), "success")
        return redirect(f"{self.route_base}/list/")

    def _manageable(self) -> Select:
        """Select the views of this list the user sees; for administrators all shared ones too."""
        query = select(SavedView).where(SavedView.list_name == self.key)
        actor = current_actor()
        seen = scope_condition(SavedView, actor)
        if actor.is_administrator:
            seen = or_(seen, SavedView.role_id.is_not(None))
        return query.where(seen).limit(500)

    def _find(self, view_id: int) -> SavedView:
        """Return a view of this list that the user may change; abort with 404."""
        query = self._manageable().where(SavedView.id == parse_id(view_id))
        view = db.session.scalar(query)
        if view is None or not _may_edit(view):
            abort(404)
        return view

    def _state(self, on: str) -> ListState:
        preferences = (current_user.preferences or {}).get(self.key, {})
        return self.table.read_state(MultiDict(decode_query(on)), preferences)

    def _view_url(self, query: str, view_id: int | None) -> str:
        return f"{self.route_base}/list/?{query}&view={view_id}"

    def _check(self, name: str, view: SavedView) -> None:
        """Raise DomainError if a view cannot have this name, or if its owner has enough views."""
        if not name:
            raise DomainError(_("Enter a name for the view."))
        same = (row for row in self.saved_views() if row.id != view.id)
        if any(fold(row.name) == fold(name) for row in same):
            raise DomainError(_("A view called “%(name)s” already exists.", name=name))
        owned = select(func.count(SavedView.id)).where(
            SavedView.list_name == self.key, SavedView.owner_id == view.owner_id
        )
        if view.id is None and (db.session.scalar(owned) or 0) >= MAX_VIEWS:
            raise DomainError(
                _(
                    "You have %(number)s views. Delete one before you save another.",
                    number=MAX_VIEWS,
                )
            )

    def _form(
        self, on: str, name: str, role_id: int | None, error: str, row: SavedView | None = None
    ):
        roles = [(role.id, role_label(role.name)) for role in current_user.roles]
        if row is not None and row.role is not None and row.role_id not in dict(roles):
            roles.append((row.role_id, role_label(row.role.name)))
        page = self.render_template(
            "crud/save_view.html", view=self, on=on, name=name, role_id=role_id, error=error,
            row=row, roles=sorted(roles, key=lambda role: sort_key(role[1])),
        )  # fmt: skip
        return page, 422 if error else 200


def _select_views(actor: Actor) -> Select:
    return (
        visible(SavedView, actor)
        .where(SavedView.list_name == bindparam("key"))
        .with_only_columns(
            SavedView.id, SavedView.name, SavedView.query, SavedView.owner_id, SavedView.role_id
        )
        .execution_options(**KEEPS_PLAN)
    )


def _names(user_ids: set[int]) -> dict[int, str]:
    """Return the names of users by id."""
    query = select(User.id, User.first_name, User.last_name).where(User.id.in_(user_ids))
    return {
        row[0]: " ".join(part for part in row[1:] if part) for row in db.session.execute(query)
    }


def _may_edit(view: SavedView) -> bool:
    """Return True if the user may change or delete a saved view."""
    actor = current_actor()
    return view.owner_id == actor.id or (actor.is_administrator and view.role_id is not None)


def _typed_name() -> str:
    return clean(request.form.get("name", ""))[:60]


def _typed_role(current: int | None) -> int | None:
    """Return the chosen role, one of the user's own or the present one; abort with 400."""
    typed = request.form.get("role", "")
    if not typed:
        return None
    role_id = parse_id(typed)
    if role_id is None or role_id not in {current, *(role.id for role in current_user.roles)}:
        abort(400)
    return role_id
