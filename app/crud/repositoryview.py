"""The pages over a repository: its values in the organisation's order, and how many rows use each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from flask import abort, redirect, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, case

from app.crud.columns import EMPTY_CELL, Cell, ListColumn, key_sort
from app.crud.holders import count_links
from app.crud.interface import parse_id
from app.crud.listing import ListState
from app.crud.modelview import ModelView
from app.crud.sorting import Sort
from app.extensions import db
from app.i18n.counted import Counted
from app.repositories.models import Repository
from app.repositories.services import give_last_position, move_value
from app.security.actor import Actor, current_actor


class LanguagesColumn(ListColumn):
    """Whether a repository value has a label in both languages: complete, or which is missing."""

    shape = "chip"

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, [self.datamodel.obj.label_en, self.datamodel.obj.label_es]

    def cell(self, values: tuple) -> Cell:
        if all(values):
            return Cell("chip", _("Translated"), "green")
        missing = _("Spanish missing") if values[0] else _("English missing")
        return Cell("chip", missing, "amber")

    def sort(self) -> Sort | None:
        model = self.datamodel.obj
        labels = {"": (True, True), "es": (True, False), "en": (False, True)}
        missing = case((model.label_en == "", "en"), (model.label_es == "", "es"), else_="")
        return self.sort_by_text(
            lambda: missing, lambda value: self.cell(labels.get(value, (True, True))).text
        )


class MoveColumn(ListColumn):
    """The buttons that move a value up or down in its list."""

    shape = "move"

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, []

    def cell(self, values: tuple) -> Cell:
        return Cell("move")

    def sort(self) -> Sort | None:
        return key_sort(self.datamodel, "position")


class UsesColumn(ListColumn):
    """How many rows of other models have a value, within the actor's scope."""

    shape = "uses"
    why_not_sorted = _l("The number of uses can’t be sorted.")

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, []

    def load(self, ids: list[int]) -> dict[int, list[tuple[str, str]]]:
        """Return what has each value, such as “57 contacts”, and the URL of their list."""
        uses: dict[int, list[tuple[str, str]]] = {}
        for link, counts in count_links(db.session(), self.datamodel.obj, ids, current_actor()):
            url = link.list_url()
            for row_id, number in counts.items():
                uses.setdefault(row_id, []).append(
                    (link.in_words(number), url and f"{url}{row_id}")
                )
        return uses

    def cell(self, values: tuple) -> Cell:
        if not values or not values[0]:
            return EMPTY_CELL
        return Cell("uses", ", ".join(text for text, _url in values[0]), values[0])


class RepositoryView(ModelView, abstract=True):
    """The pages over a repository: labels in both languages, colour, order."""

    api = True
    # The overview of all repositories stands in the menu instead.
    category = "Settings"
    in_menu = False
    parent_page = ("RepositoriesView.overview", _l("Repositories"))
    is_personal = False
    counted = Counted("%(num)s value", "%(num)s values")
    list_template = "appbuilder/general/model/list.html"
    label_columns: ClassVar[dict[str, Any]] = {
        "name": _l("Name"), "languages": _l("Languages"), "uses": _l("Used by"),
    }  # fmt: skip
    list_columns: ClassVar[Any] = ["name", "languages", "colour", "uses", "is_active", "position"]
    # The name is that of the reader's language, so these would repeat it.
    more_columns = ("label_en", "label_es")
    title_parts = ("label",)
    base_sort = "position"
    search_columns: ClassVar[Any] = ["label_en", "label_es", "is_active"]
    edit_columns: ClassVar[Any] = ["label_en", "label_es", "colour", "is_active"]
    show_columns: ClassVar[Any] = ["label_en", "label_es", "colour", "is_active"]
    column_types: ClassVar[dict[str, type[ListColumn]]] = {
        "languages": LanguagesColumn, "uses": UsesColumn, "position": MoveColumn,
    }  # fmt: skip

    def state(self) -> ListState:
        """Leave out the buttons for users who may not move values."""
        state = super().state()
        if self.can("can_edit"):
            return state
        return replace(state, cols=tuple(name for name in state.cols if name != "position"))

    @expose("/move", methods=["POST"])
    @has_access
    @permission_name("edit")
    def move(self):
        """Move a value one place up or down, and return to its button."""
        way = "up" if "up" in request.form else "down"
        row_id = parse_id(request.form.get(way, ""))
        if row_id is None or not move_value(
            db.session(), self.datamodel.obj, row_id, current_actor(), up=way == "up"
        ):
            abort(404)
        db.session.commit()
        # The browser focuses the button that the fragment names.
        return redirect(f"{self.last_list_url}#{way}-{row_id}")

    def before_save(self, row: Repository, form: Any) -> None:
        """Put a new value at the end of its list."""
        if row.id is None:
            give_last_position(db.session(), row)
