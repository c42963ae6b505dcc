"""The list pages of a ModelView: list, filters, columns, saved views, pickers, actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from flask import abort, flash, jsonify, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app.crud.columns import ListColumn
from app.crud.filters import SEPARATOR, FilterConverter, InvalidFilter
from app.crud.interface import ScopedInterface, parse_id
from app.crud.listing import SIZES, ListState, count_rows, load_page, read_state
from app.crud.lookup import MAX_LOOKUP_ROWS, lookup_rows
from app.crud.models import SavedView
from app.crud.page import ListLink
from app.crud.paging import MAX_COUNT
from app.crud.sorting import Sort
from app.crud.submissions import AlreadySubmitted, claim_submission, record_created_row
from app.errors import DomainError
from app.extensions import db
from app.i18n.formats import show_number
from app.security.actor import current_actor
from app.security.scope import visible
from app.text import clean


class ListPages:
    """The pages of a ModelView over many rows."""

    datamodel: ScopedInterface
    columns: dict[str, ListColumn]
    sorts: dict[str, Sort]
    search_columns: list[str]
    label_columns: dict[str, Any]
    actions: dict[str, Any]
    collective: dict[str, Any]
    endpoint: str
    route_base: str
    list_title: Any
    # Shown in the Actions menu of the list.
    list_links: ClassVar[tuple[ListLink, ...]] = ()

    @property
    def list_name(self) -> str:
        """Return the key that saved views and preferences of this list are stored under."""
        return self.route_base.strip("/").replace("/", "-")

    def conditions(self, state: ListState) -> list[Any]:
        """Return conditions that every list of this view is filtered by."""
        return []

    def state(self) -> ListState:
        """Parse the query string of the request; an invalid one is a 400."""
        preferences = (current_user.preferences or {}).get(self.list_name, {})
        return read_state(self, request.args, preferences)

    @expose("/list/")
    @has_access
    def list(self):
        """Show the list."""
        state = self.state()
        actor = current_actor()
        page = load_page(self, state, actor)
        return self.render_template(
            self.list_template,
            title=self.list_title,
            view=self,
            page=page,
            state=state,
            saved_views=self.saved_views(),
            sizes=SIZES,
            links=[link for link in self.list_links if self.can(link.permission)],
        )

    @expose("/count")
    @has_access
    @permission_name("list")
    def count(self):
        """Return the full count of a filtered list; a script of the list page fetches it."""
        count = count_rows(self, self.state())
        return jsonify(text=show_count(count))

    def can(self, permission: str) -> bool:
        """Return True if the user has a permission on this view."""
        return permission in self.base_permissions and self.appbuilder.sm.has_access(
            permission, self.class_permission_name
        )

    def saved_views(self) -> Sequence[Any]:
        """Return (id, name, query, owner_id, role_id) of the saved views visible to the user."""
        query = visible(SavedView, current_actor()).where(SavedView.list_name == self.list_name)
        query = query.with_only_columns(
            SavedView.id, SavedView.name, SavedView.query, SavedView.owner_id, SavedView.role_id
        )
        query = query.order_by(SavedView.name, SavedView.id)
        return db.session.connection().execute(query).all()

    # Choosing filters

    @expose("/filters")
    @has_access
    @permission_name("list")
    def filters(self):
        """Show every filter of the list: a dialog, or a page without JavaScript."""
        # Without JavaScript the rows a filter offers are searched by requesting this page again.
        on, find = request.args.get("on"), request.args.get("find", "")
        state = self.state() if on is None else read_state(self, MultiDict(_parse_query(on)), {})
        columns = []
        for name in self.search_columns:
            filters = FilterConverter(self.datamodel).convert(name) or []
            if filters:
                columns.append((name, self.get_label(name), filters))
        typed = clean(request.args.get("text", ""))[:100]
        is_link = find in self.search_columns and self.datamodel.is_relation(find)
        model = self.datamodel.get_related_model(find) if is_link else None
        return self.render_template(
            "crud/filters.html",
            view=self,
            state=state,
            columns=columns,
            find=find,
            typed=typed,
            lookup_results=lookup_rows(model, typed, MAX_LOOKUP_ROWS) if model else [],
        )

    @expose("/filter")
    @has_access
    @permission_name("list")
    def filter(self):
        """Redirect from the filter dialog to the list with the filter added."""
        pairs = _parse_query(request.args.get("on", ""))
        name = request.args.get("filter", "")
        values = [value for value in request.args.getlist("value") if value]
        state = read_state(self, MultiDict(pairs), {})
        column, _sep, operator = name.rpartition(SEPARATOR)
        known = FilterConverter(self.datamodel).convert(column) if column else ()
        if not any(f.arg_name == operator for f in known or ()):
            abort(400)
        asks = next(f.asks for f in known if f.arg_name == operator)
        if asks == "none":
            values = ["1"]
        if values:
            pairs = [pair for pair in state.pairs() if pair[0] != name]
            pairs.append((name, ",".join(values)))
        return redirect(f"{self.route_base}/list/?{urlencode(pairs)}")

    def get_label(self, name: str) -> Any:
        """Return the label of an attribute."""
        return self.label_columns.get(name, name)

    # Choosing columns and page size

    @expose("/columns")
    @has_access
    @permission_name("list")
    def column_choice(self):
        """Show the dialog of columns and page sizes."""
        return self.render_template(
            "crud/columns.html",
            view=self,
            state=self.state(),
            sizes=SIZES,
            on=_encode_query(request.args),
        )

    @expose("/preferences", methods=["POST"])
    @has_access
    @permission_name("list")
    def save_preferences(self):
        """Save the user's columns and page size for this list."""
        args = MultiDict(_parse_query(request.form.get("on", "")))
        chosen = [name for name in request.form.getlist("cols") if name in self.columns]
        size = request.form.get("size", "")
        preferences = dict(current_user.preferences or {})
        mine = dict(preferences.get(self.list_name, {}))
        if request.form.get("default"):
            mine = {}
        else:
            if chosen:
                mine["cols"] = chosen
            if size in {str(known) for known in SIZES}:
                mine["size"] = int(size)
        preferences[self.list_name] = mine
        current_user.preferences = preferences
        pairs = [p for p in read_state(self, args, {}).pairs() if p[0] not in ("cols", "size")]
        db.session.commit()
        return redirect(f"{self.route_base}/list/?{urlencode(pairs)}")

    # Saved views

    @expose("/views/new", methods=["GET", "POST"])
    @has_access
    @permission_name("list")
    def save_view(self):
        """Save the current list under a name, for the user or for one of their roles."""
        on = (
            request.values.get("on", "")
            if request.method == "POST"
            else _encode_query(request.args)
        )
        name, error = clean(request.form.get("name", ""))[:60], ""
        roles = sorted(current_user.roles, key=lambda role: role.name)
        if request.method == "POST":
            role_id = parse_id(request.form.get("role", "")) if request.form.get("role") else None
            if role_id is not None and role_id not in {role.id for role in roles}:
                abort(400)
            if name:
                preferences = (current_user.preferences or {}).get(self.list_name, {})
                state = read_state(self, MultiDict(_parse_query(on)), preferences)
                view = SavedView(
                    list_name=self.list_name,
                    name=name,
                    query=state.full_query(),
                    owner_id=current_user.id,
                    role_id=role_id,
                )
                try:
                    claim_submission(db.session())
                except AlreadySubmitted as earlier:
                    db.session.rollback()
                    return redirect(f"{self.route_base}/list/?{view.query}&view={earlier.row_id}")
                db.session.add(view)
                db.session.flush()
                record_created_row(db.session(), view.id)
                db.session.commit()
                flash(_("View “%(name)s” saved.", name=name), "success")
                return redirect(f"{self.route_base}/list/?{view.query}&view={view.id}")
            error = _("Enter a name for the view.")
        page = self.render_template(
            "crud/save_view.html", view=self, on=on, roles=roles, name=name, error=error
        )
        return page, 422 if error else 200

    @expose("/views/<int:view_id>/delete", methods=["POST"])
    @has_access
    @permission_name("list")
    def delete_view(self, view_id: int):
        """Delete one of the user's own saved views."""
        view = db.session.scalar(
            select(SavedView).where(
                SavedView.id == parse_id(view_id),
                SavedView.owner_id == current_user.id,
                SavedView.list_name == self.list_name,
            )
        )
        if view is None:
            abort(404)
        db.session.delete(view)
        db.session.commit()
        flash(_("View “%(name)s” deleted.", name=view.name), "success")
        return redirect(f"{self.route_base}/list/")

    # Pickers

    @expose("/lookup/<string:name>")
    @has_access
    @permission_name("list")
    def lookup(self, name: str):
        """Return at most 20 rows that match the typed text, for a picker."""
        pickable = {*(self.add_columns or ()), *(self.edit_columns or ()), *self.search_columns}
        if name not in pickable or not self.datamodel.is_relation(name):
            abort(404)
        typed = clean(request.args.get("q", ""))[:100]
        model = self.datamodel.get_related_model(name)
        results = [
            {"id": row.id, "label": str(row), "hint": getattr(row, "picker_hint", "") or ""}
            for row in lookup_rows(model, typed, 20)
        ]
        return jsonify(results=results)

    # Actions on ticked rows

    @expose("/action_post", methods=["POST"])
    def action_post(self):
        """Run an action on the ticked rows: on all of them, or on none if one is out of scope."""
        return self._run_action(request.form.get("action", ""), request.form.getlist("rowid"))

    @expose("/action/<string:name>/<pk>", methods=["POST"])
    def action(self, name: str, pk: str):
        """Run an action on the row being shown."""
        return self._run_action(name, [pk])

    def _run_action(self, name: str, pks: list[str]):
        action = self.actions.get(name)
        if action is None:
            abort(404)
        if not self.can_run_action(name):
            abort(403)
        if name in self.collective:
            return self.collective[name].begin(self)
        ids = {parse_id(pk) for pk in pks}
        if None in ids or len(ids) > max(SIZES):
            abort(400)
        if not ids:
            flash(_("Make a selection first."), "warning")
            return redirect(f"{self.route_base}/list/")
        query = self.datamodel.visible().where(self.datamodel.obj.id.in_(ids))
        rows = list(db.session.scalars(query))
        if len(rows) != len(ids):
            abort(403)
        try:
            return action.func(rows)
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
            return redirect(f"{self.route_base}/list/")


def show_count(count: int) -> str:
    """Format a count, with a plus if it was capped."""
    return f"{show_number(MAX_COUNT)}+" if count > MAX_COUNT else show_number(count)


def _encode_query(args: MultiDict) -> str:
    """Encode the query string, to return to the list later."""
    return urlencode(list(args.items(multi=True)))


def _parse_query(text: str) -> list[tuple[str, str]]:
    """Decode a query string that ``_encode_query`` returned."""
    try:
        return parse_qsl(text, max_num_fields=60)
    except ValueError:
        raise InvalidFilter(_("Too many filters.")) from None
