"""The pages of a ModelView over one row: show with tabs, delete, restore, put a value back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, cast

from flask import abort, flash, redirect, render_template, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from app.crud.columns import Cell, make_column, name_parts
from app.crud.header_actions import HeaderAction, get_header_actions
from app.crud.holders import lock_row, what_holds
from app.crud.interface import ScopedInterface
from app.crud.linesfield import line_table
from app.crud.screens import Screen, find_screen
from app.crud.tabs import count_tabs, get_tabs
from app.errors import DomainError, InUse
from app.extensions import db
from app.lines import line_relations
from app.log.services import get_entry, restore_value
from app.security.actor import current_actor
from app.security.scope import is_surely_visible
from app.states.locks import why_locked
from app.trash import services as trash
from app.trash.models import Trashable


class ShowPages:
    """The pages of a ModelView over one row."""

    datamodel: ScopedInterface
    route_base: str
    show_template: str
    show_columns: list[str]
    show_fieldsets: Any
    # Above the tabs: name, chips, buttons.
    header_template: ClassVar[str] = "crud/header.html"
    # Beside the details; empty for none.
    side_template: ClassVar[str] = ""
    # Which telephone the button *Call* calls; by default the first one.
    call_columns: ClassVar[tuple[str, ...]] = ()
    # Templates of details that are shown in a way of their own, by attribute.
    detail_templates: ClassVar[dict[str, str]] = {}

    @property
    def list_route_base(self) -> str:
        """Return the route base of the list that a restored row returns to."""
        return self.route_base

    def find(self, pk: Any, names: Iterable[str] = ()) -> Any:
        """Return a visible row by its id; abort with 404 if there is none.

        ``names`` are the attributes that will be read: links among them are read with the row.
        """
        row = self.datamodel.get(pk, linked=self.datamodel.links(names))
        if row is None:
            abort(404)
        return row

    def safe_name(self, row: Any) -> str:
        """Return the name of a row; only its kind to a user who may not read rows."""
        if any(self.can(right) for right in ("can_list", "can_show", "can_edit")):
            return str(row)
        return str(self.singular or self.label)

    @property
    def face_icon(self) -> str:
        """Return the icon that stands for a row wherever it is shown; “” if its initials do."""
        screen: Any = find_screen(self.datamodel.obj) or self
        return "" if screen.has_faces else screen.icon or "file-earmark"

    def name_words(self, row: Any) -> list[str]:
        """Return the parts of a row's name that its initials are taken from, as in a list."""
        parts = name_parts(type(row))
        words = [str(word) for part in parts if (word := getattr(row, part, None))]
        return words or [str(row)]

    def header_actions(self, row: Any) -> list[tuple[type[HeaderAction], str]]:
        """Return the actions of the header of a row, each with its address."""
        return get_header_actions(row, cast(Screen, self))

    @expose("/show/<pk>", methods=["GET"])
    @has_access
    def show(self, pk: str):
        """Show a row: its details or one of its tabs."""
        row = self.find(pk, self.show_columns)
        tabs = get_tabs(type(row))
        name = request.args.get("tab", "")
        tab = next((tab for tab in tabs if tab.name == name), None)
        if name and tab is None:
            abort(404)
        context: dict[str, Any] = {
            "row": row,
            "view": self,
            "tab": tab,
            "why_locked": self.why_locked(row),
        }
        if tab is None:
            context["sections"] = self.sections(row)
        else:
            context |= tab.content(db.session(), row, self)
        if tab is not None and request.headers.get("X-Fragment"):
            return render_template(tab.template, **context)
        context["tabs"] = count_tabs(db.session(), row, tabs)
        return self.render_template(self.show_template, title=str(row), **context)

    def sections(self, row: Any) -> list[tuple[Any, list[tuple[Any, Cell]]]]:
        """Return (title, [(label, cell)]) of each fieldset."""
        names = [name for _title, options in self.show_fieldsets for name in options["fields"]]
        computed = self.datamodel.compute(
            row, [name for name in names if name in self.datamodel.computed]
        )
        return [
            (
                title,
                [
                    (
                        self.get_label(name),
                        make_column(self.datamodel, name, "", ()).cell((computed[name],))
                        if name in computed
                        else self.detail_cell(row, name),
                    )
                    for name in options["fields"]
                ],
            )
            for title, options in self.show_fieldsets
        ]

    def detail_cell(self, row: Any, name: str) -> Cell:
        """Return the cell of one field, as a list renders it."""
        value = getattr(row, name)
        if (model := line_relations(type(row)).get(name)) is not None:
            return line_table(model, value)
        if self.datamodel.is_relation_many_to_many(name):
            return Cell("chips", extra=[(str(v), getattr(v, "colour", "grey")) for v in value])
        if value is None or value == "":
            return Cell("none")
        if self.datamodel.is_relation(name):
            if hasattr(value, "colour"):
                return Cell("chip" if value.shows_colour else "text", str(value), value.colour)
            is_seen = is_surely_visible(value, current_actor()) or (
                self.datamodel.get_related_obj(name, value.id) is not None
            )
            return Cell("link", str(value), value.id) if is_seen else Cell("none")
        if name not in self.datamodel.list_properties:
            return Cell("text", str(value))
        return make_column(self.datamodel, name, "", ()).cell((value,))

    @expose("/delete/<pk>", methods=["POST"])
    @has_access
    def delete(self, pk: str):
        """Move a row to the trash; delete it if its model has no trash."""
        row = self.find(pk)
        name = self.safe_name(row)
        try:
            self.remove(row)
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
            return redirect(f"{self.route_base}/show/{pk}")
        except IntegrityError:
            db.session.rollback()
            flash(_("“%(name)s” is in use and can’t be deleted.", name=name), "danger")
            return redirect(self.last_list_url)
        if isinstance(row, Trashable):
            flash(
                {"text": _("“%(name)s” moved to trash.", name=name),
                 "undo": f"{self.route_base}/restore/{pk}"},
                "success",
            )  # fmt: skip
        else:
            flash(_("“%(name)s” deleted.", name=name), "success")
        return redirect(self.last_list_url)

    def remove(self, row: Any) -> None:
        """Move a row to the trash, or delete it if its model has none, and commit.

        Raise DomainError if it must not be deleted.
        """
        if not isinstance(row, Trashable):
            lock_row(db.session(), row)
        if reason := self.why_not_deleted(row):
            raise InUse(reason)
        if isinstance(row, Trashable):
            trash.move_to_trash(row, current_actor())
        else:
            db.session.delete(row)
        db.session.commit()

    def why_locked(self, row: Any) -> str:
        """Return why the row must not be changed, or an empty text."""
        return why_locked(db.session(), row, current_actor())

    def why_not_deleted(self, row: Any) -> str | None:
        """Return why the row must not be deleted, or None; asked before the button is drawn."""
        if isinstance(row, Trashable):
            return None
        rows = what_holds(db.session(), row, current_actor())
        if not rows:
            return None
        name = self.safe_name(row)
        return _("“%(name)s” can’t be deleted. It is used by: %(rows)s.", name=name, rows=rows)

    @expose("/restore/<pk>", methods=["POST"])
    @has_access
    @permission_name("delete")
    def restore(self, pk: str):
        """Restore a row from the trash."""
        model = self.datamodel.obj
        if not issubclass(model, Trashable):
            abort(404)
        row = self.datamodel.get_trashed(pk)
        if row is None:
            abort(404)
        trash.restore(row)
        try:
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
            return redirect(f"{self.list_route_base}/list/")
        flash(_("“%(name)s” restored.", name=self.safe_name(row)), "success")
        return redirect(f"{self.list_route_base}/show/{row.id}")

    @expose("/putback/<pk>/<int:entry_id>/<string:field>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def put_back(self, pk: str, entry_id: int, field: str):
        """Set a field to the value it had before a log entry."""
        row = self.find(pk)
        entry = get_entry(db.session(), entry_id) if entry_id < 2**62 else None
        # An entry of another row is a 404 like a missing one, to reveal nothing about it.
        if entry is None or (entry.subject_type, entry.subject_id) != (row.__tablename__, row.id):
            abort(404)
        try:
            restore_value(db.session(), row, entry, field, current_actor())
            with db.session.no_autoflush:
                self.check_unique(row)
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
        else:
            flash(_("Previous value restored."), "success")
        return redirect(f"{self.route_base}/show/{pk}?tab=log")
