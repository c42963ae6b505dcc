"""The list pages of a ModelView: list, filters, columns, saved views, pickers, actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from flask import abort, flash, jsonify, redirect, request
from flask_appbuilder import AppBuilder, expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from app.crud.actions import ListAction
from app.crud.basepage import ListLink
from app.crud.counting import show_capped
from app.crud.filterbase import SEPARATOR, InvalidFilter
from app.crud.interface import ScopedInterface, parse_id
from app.crud.lastlist import last_list_url, remember_list
from app.crud.listing import SIZES, ListState, decode_query, encode_query
from app.crud.lookup import MAX_LOOKUP_ROWS, lookup_rows
from app.crud.paging import MAX_COUNT
from app.crud.quicksearch import lookup_results, suggest_query
from app.crud.screens import Screen
from app.crud.viewpages import SavedViewPages
from app.errors import DomainError
from app.extensions import db
from app.security.actor import current_actor
from app.text import clean


class ListPages(SavedViewPages):
    """The pages of a ModelView over many rows."""

    datamodel: ScopedInterface
    label_columns: dict[str, Any]
    actions: dict[str, Any]
    collective: dict[str, type[ListAction]]
    add_columns: Sequence[str]
    edit_columns: Sequence[str]
    base_permissions: Sequence[str]
    class_permission_name: str
    appbuilder: AppBuilder
    endpoint: str
    list_template: str
    list_title: Any
    can_run_action: Callable[[str], bool]
    # Shown in the Actions menu of the list.
    list_links: ClassVar[tuple[ListLink, ...]] = ()

    @property
    def last_list_url(self) -> str:
        """Return the address of this list as the user saw it last."""
        return last_list_url(self.key, self.route_base)

    def state(self) -> ListState:
        """Parse the query string of the request; an invalid one is a 400."""
        preferences = (current_user.preferences or {}).get(self.key, {})
        return self.table.read_state(request.args, preferences)

    @expose("/list/")
    @has_access
    def list(self):
        """Show the list."""
        state = self.state()
        actor = current_actor()
        page = self.table.load_page(state, actor)
        if state.q and not page.count and not state.filters:
            page.suggestion = suggest_query(self.table, state.q, actor)
        remember_list(self.key, request.query_string.decode())
        saved_views = self.saved_views()
        current = next((row for row in saved_views if str(row.id) == state.view_id), None)
        return self.render_template(
            self.list_template,
            title=self.list_title,
            view=self,
            page=page,
            state=state,
            saved_views=saved_views,
            current_view=current,
            is_administrator=actor.is_administrator,
            is_changed=current is not None and not state.is_saved_as(current.query),
            sizes=SIZES,
            links=[link for link in self.list_links if self.can(link.permission)],
        )

    @expose("/count")
    @has_access
    @permission_name("list")
    def count(self):
        """Return the full count of a filtered list; a script of the list page fetches it."""
        count = self.table.count(self.state(), current_actor())
        return jsonify(text=show_capped(count, MAX_COUNT))

    def can(self, permission: str) -> bool:
        """Return True if the user has a permission on this view."""
        return permission in self.base_permissions and self.appbuilder.sm.has_access(
            permission, self.class_permission_name
        )

    # Choosing filters

    @expose("/filters")
    @has_access
    @permission_name("list")
    def filters(self):
        """Show every filter of the list: a dialog, or a page without JavaScript."""
        # Without JavaScript the rows a filter offers are searched by requesting this page again.
        on, find = request.args.get("on"), request.args.get("find", "")
        state = self.state() if on is None else self.table.read_state(MultiDict(decode_query(on)))
        return self._filters_page(state, find, request.args.get("filter", ""))

    def _filters_page(self, state: ListState, find: str, chosen: str, error: str = "") -> str:
        """Render the filters of the list; the one of the column ``find`` is open."""
        columns = [
            (name, self.table.get_label(name), filters)
            for name in self.table.filters
            if (filters := self.table.get_filters(name))
        ]
        typed = clean(request.args.get("text", ""))[:100]
        is_link = find in self.table.filters and self.datamodel.is_relation(find)
        model = self.datamodel.get_related_model(find) if is_link else None
        return self.render_template(
            "crud/filters.html",
            view=self,
            state=state,
            columns=columns,
            unfiltered=[
                (column.label, column.why_not_filtered)
                for name, column in self.table.columns.items()
                if name not in self.table.filters
            ],
            find=find,
            chosen=chosen,
            error=error,
            typed_value=request.args.get("value", "")[:200] if error else "",
            typed=typed,
            lookup_results=lookup_rows(model, typed, MAX_LOOKUP_ROWS) if model else [],
        )

    @expose("/filter")
    @has_access
    @permission_name("list")
    def filter(self):
        """Redirect from the filter dialog to the list with the filter added."""
        pairs = decode_query(request.args.get("on", ""))
        name = request.args.get("filter", "")
        values = [value for value in map(str.strip, request.args.getlist("value")) if value]
        state = self.table.read_state(MultiDict(pairs))
        column, _sep, operator = name.rpartition(SEPARATOR)
        known = self.table.get_filters(column)
        filter_ = next((f for f in known if f.arg_name == operator), None)
        if filter_ is None:
            abort(400)
        if filter_.asks == "none":
            values = ["1"]
        if values:
            pairs = [pair for pair in state.pairs() if pair[0] != name]
            try:
                pairs.append((name, ",".join(filter_.encode(value) for value in values)))
                state = self.table.read_state(MultiDict(pairs)).of_view(state.view_id)
            except InvalidFilter as error:
                return self._filters_page(state, column, name, str(error)), 422
        return redirect(f"{self.route_base}/list/{state.url()}")

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
            on=encode_query(request.args),
        )

    @expose("/preferences", methods=["POST"])
    @has_access
    @permission_name("list")
    def save_preferences(self):
        """Save the user's columns and page size for this list."""
        args = MultiDict(decode_query(request.form.get("on", "")))
        chosen = [name for name in request.form.getlist("cols") if name in self.table.columns]
        size = request.form.get("size", "")
        state = self.table.read_state(args)
        mine: dict[str, Any] = {}
        if not request.form.get("default"):
            if chosen:
                mine["cols"] = chosen
            if size in {str(known) for known in SIZES}:
                mine["size"] = int(size)
        if state.view_id:
            # A saved view has columns of its own: they change with it.
            cols = ",".join(chosen) if mine.get("cols") else None
            return redirect(
                f"{self.route_base}/list/{state.url(cols=cols, size=mine.get('size'))}"
            )
        preferences = dict(current_user.preferences or {})
        kept = {} if request.form.get("default") else dict(preferences.get(self.key, {}))
        preferences[self.key] = kept | mine
        current_user.preferences = preferences
        db.session.commit()
        return redirect(f"{self.route_base}/list/{state.url(cols=None, size=None)}")

    # Pickers

    @expose("/lookup/<string:name>")
    @has_access
    @permission_name("list")
    def lookup(self, name: str):
        """Return at most 20 rows that match the typed text, for a picker."""
        pickable = {*(self.add_columns or ()), *(self.edit_columns or ()), *self.table.filters}
        model = self.datamodel.get_lookup_model(name)
        if name.partition(".")[0] not in pickable or model is None:
            abort(404)
        typed = clean(request.args.get("q", ""))[:100]
        return jsonify(results=lookup_results(model, lookup_rows(model, typed, 20)))

    # Actions on ticked rows

    @expose("/action_post", methods=["POST"])
    def action_post(self):
        """Run an action on the ticked rows: on all of them, or on none if one is out of scope."""
        return self._run_action(request.form.get("action", ""), request.form.getlist("rowid"))

    @expose("/action/<string:name>/<pk>", methods=["POST"])
    def action(self, name: str, pk: str):
        """Run an action on the row being shown."""
        return self._run_action(name, [pk])

    def _run_action(self, name: str, pks: Sequence[str]):
        action = self.actions.get(name)
        if action is None:
            abort(404)
        if not self.can_run_action(name):
            abort(403)
        if name in self.collective:
            return self.collective[name].begin(cast(Screen, self))
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
