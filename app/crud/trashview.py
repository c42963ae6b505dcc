"""The trash of a model: list, restore, empty. A screen has one if it says ``trash = True``."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, current_app, flash, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.actions import action
from flask_appbuilder.security.decorators import permission_name
from flask_appbuilder.security.sqla.models import User
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import func, select

from app.crud.derivation import Derivation, derived_class
from app.crud.interface import TrashInterface
from app.crud.modelview import ModelView
from app.crud.screens import menu_order, registered
from app.extensions import db
from app.i18n.formats import show_number
from app.security.actor import current_actor
from app.text import fold
from app.trash import services as trash


class TrashView(ModelView, abstract=True):
    """The pages over the rows of a model that are in the trash."""

    exclude_route_methods = {
        "download", "add", "edit", "delete", "duplicate", "put_back", "action",
    }  # fmt: skip
    base_sort = "-trashed_at"
    list_template = "crud/trash.html"
    header_template = "crud/header.html"
    # The route base of the list that restored rows return to.
    list_route_base: ClassVar[str]  # type: ignore[misc]
    # The name of what was deleted, on the tabs of the trashes.
    list_label: ClassVar[Any] = ""
    is_trash: ClassVar[bool] = True
    trash: ClassVar[bool] = False
    api: ClassVar[bool] = False
    label = _l("Trash")
    icon = "trash3"

    def trashes(self) -> list[TrashView]:
        """Return the trashes the user may open, in order."""
        views = sorted(registered(TrashView), key=menu_order)
        return [view for view in views if view.can("can_list")]

    @action("restore", _l("Restore"), "", "arrow-counterclockwise", single=False)
    def restore_rows(self, rows: list[Any]):
        """Restore the ticked rows."""
        for row in rows:
            trash.restore(row)
        db.session.commit()
        flash(
            ngettext(
                "%(rows)s restored.",
                "%(rows)s restored.",
                len(rows),
                rows=self.counted(len(rows)),
            ),
            "success",
        )
        return redirect(self.last_list_url)

    def retention(self) -> str:
        """Return the sentence that says how long rows stay in the trash."""
        days = current_app.config["TRASH_DAYS"]
        if not days:
            return _("Items stay here until somebody deletes them permanently.")
        return ngettext(
            "Items are deleted permanently after %(num)s day in the trash.",
            "Items are deleted permanently after %(num)s days in the trash.",
            days,
        )

    def trashed_by(self, row: Any) -> str:
        """Return the name of the user who deleted a row; empty for commands and lost users."""
        if row.trashed_by_id is None:
            return ""
        query = select(User).where(User.id == row.trashed_by_id)
        user = db.session.scalar(query.execution_options(with_trash=True))
        return "" if user is None else f"{user.first_name} {user.last_name}"

    @expose("/purge/<pk>", methods=["POST"])
    @has_access
    @permission_name("empty")
    def purge(self, pk: str):
        """Delete one row of the trash permanently."""
        row = self.find(pk)
        name = self.safe_name(row)
        if reason := self.why_locked(row):
            flash(reason, "danger")
            return redirect(f"{self.route_base}/show/{pk}")
        if not trash.purge_one(db.session(), type(row), current_actor(), row.id):
            abort(404)
        db.session.commit()
        flash(_("“%(name)s” permanently deleted.", name=name), "success")
        return redirect(f"{self.route_base}/list/")

    @expose("/empty", methods=["GET", "POST"])
    @has_access
    @permission_name("empty")
    def empty(self):
        """Purge the trash after the user has typed a word to confirm."""
        count = db.session.scalar(
            trash.select_trashed(self.datamodel.obj, current_actor()).with_only_columns(
                func.count()
            )
        )
        word = _("Delete permanently")
        error = ""
        if request.method == "POST":
            if fold(request.form.get("word", "")) == fold(word):
                count_purged = trash.purge_all(db.session(), self.datamodel.obj, current_actor())
                flash(
                    ngettext(
                        "%(rows)s permanently deleted.",
                        "%(rows)s permanently deleted.",
                        count_purged,
                        rows=self.counted(count_purged),
                    ),
                    "success",
                )
                return redirect(f"{self.route_base}/list/")
            error = _("Type “%(word)s” to confirm.", word=word)
        page = self.render_template(
            "crud/empty_trash.html", view=self, title=_("Empty trash"), word=word,
            count=show_number(count), is_empty=not count, error=error,
        )  # fmt: skip
        return page, 422 if error else 200


class TrashDerivation(Derivation):
    """The trash of every screen with ``trash = True``."""

    attribute = "trash"
    screens = ModelView
    # After every other page of the same part of the menu.
    first_place = 900
    # Columns of the screen's list that are shown beside the name and the time of deletion.
    max_columns = 5

    @classmethod
    def derive(cls, screen: type[ModelView]) -> None:
        model, part = screen.datamodel.obj, screen.datamodel.condition
        name, *others = screen.list_columns
        shown, left = others[: cls.max_columns], others[cls.max_columns :]
        derived_class(
            screen,
            TrashView,
            "TrashView",
            datamodel=TrashInterface(model) if part is None else TrashInterface(model).where(part),
            route_base=f"{screen.route_base}/trash",
            exclude_route_methods=TrashView.exclude_route_methods
            | (set() if screen.can_be_purged else {"empty", "purge"}),
            list_route_base=screen.route_base,
            list_label=screen.label,
            singular=screen.singular,
            counted=screen.counted,
            has_faces=screen.has_faces,
            shows_icon=screen.shows_icon,
            category=screen.category,
            order=cls.first_place + screen.order,
            area=screen.area,
            is_personal=screen.is_personal,
            trash_note=screen.trash_note,
            title_parts=screen.title_parts,
            label_columns={**(screen.label_columns or {}), "trashed_at": _l("Deleted")},
            list_columns=[name, "trashed_at", *shown],
            more_columns=(*left, *screen.more_columns),
            column_types=screen.column_types,
            order_by=screen.order_by,
            search_columns=["trashed_at", *(screen.search_columns or ())],
            inline_links=screen.inline_links,
            # No form shows it; without one, Flask-AppBuilder would make one of every column.
            edit_columns=["trashed_at"],
            show_fieldsets=screen.show_fieldsets,
            show_columns=screen.show_columns,
            detail_templates=screen.detail_templates,
        )
