"""A screen over a model, generated: list, file, form, trash; the traps of FAB closed in one place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import flask_appbuilder as fab
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.crud.actions import actions_on
from app.crud.columns import ListColumn, make_column, name_parts
from app.crud.showpages import FilePages
from app.crud.filters import FilterConverter
from app.crud.formpages import FormPages
from app.crud.forms import FormBuilder
from app.crud.interface import Interface
from app.crud.listpages import ListPages
from app.crud.page import Place
from app.errors import DomainError, InUse
from app.extensions import db
from app.log.models import is_logged
from app.registry import Plug
from app.repositories.models import Repository
from app.repositories.queries import is_in_use
from app.security.areas import Level
from app.security.roles import Grant
from app.trash.models import Trashable


class ModelView(ListPages, FilePages, FormPages, Place, Plug, fab.ModelView, abstract=True):
    """A screen over a model. Subclass it, name the columns, and the pages follow.

    ``list_columns`` are shown at first; ``more_columns`` can be chosen besides. ``order_by``
    maps a column to the indexed attribute it is sorted by.
    """

    datamodel: Interface
    # The file a deleted row would leave is never downloaded through a view of rows.
    exclude_route_methods: set[str] = {"download"}
    more_columns: ClassVar[tuple[str, ...]] = ()
    title_parts: ClassVar[tuple[str, ...]] = ()
    order_by: ClassVar[dict[str, str]] = {}
    base_sort: ClassVar[str] = "id"
    # Links of these names are chosen from all rows at once: they are few.
    inline_links: ClassVar[tuple[str, ...]] = ()
    help_texts: ClassVar[dict[str, Any]] = {}
    singular: ClassVar[Any] = ""

    def __init__(self, **kwargs: Any) -> None:
        """Leave out the routes that make no sense for this model."""
        model = self.datamodel.obj
        left_out = set(self.exclude_route_methods)
        if not issubclass(model, Trashable):
            left_out.add("restore")
        if not is_logged(model):
            left_out.add("put_back")
        self.collective = {
            action.action_name(): action
            for action in (() if self.datamodel.with_trash else actions_on(model))
        }
        is_own = any(hasattr(getattr(type(self), name), "_action") for name in dir(type(self)))
        if not is_own:
            # A collective action is begun from the list; what is done to one file has its own way.
            left_out |= {"action"} if self.collective else {"action", "action_post"}
        self.exclude_route_methods = left_out
        super().__init__(**kwargs)
        for name, action in self.collective.items():
            self.actions[name] = action.item(self)

    def grants(self) -> Iterator[Grant]:
        """Yield what it takes to use the screen, its collective actions included."""
        yield from super().grants()
        for name, action in self.collective.items():
            area = action.area or self.area
            yield Grant(area, Level.EDIT, name, self.class_permission_name, self.is_personal)

    def may_act(self, name: str) -> bool:
        """Say whether the signed-in user may use one of the screen's actions.

        A collective one tells of the rows it is for, which only who sees the list may know.
        """
        if name in self.collective:
            rights = (name, "can_list")
            return all(
                self.appbuilder.sm.has_access(right, self.class_permission_name)
                for right in rights
            )
        return self.may(self.get_action_permission_name(name))

    def _init_properties(self) -> None:
        """Take labels and help from the model, and make the columns of the list."""
        self.label_columns = dict(self.label_columns or {})
        for name in self.datamodel.get_columns_list():
            if label := self.datamodel.info_of(name).get("label"):
                self.label_columns.setdefault(name, label)
        self.description_columns = dict(self.help_texts)
        self.list_columns = list(self.list_columns)
        self.search_columns = list(self.search_columns or [])
        self.edit_columns = list(self.edit_columns or _fields(self.edit_fieldsets))
        self.add_columns = list(
            self.add_columns or _fields(self.add_fieldsets) or self.edit_columns
        )
        self.show_columns = list(self.show_columns or _fields(self.show_fieldsets))
        super()._init_properties()
        if not self.edit_fieldsets:
            self.edit_fieldsets = [(None, {"fields": self.edit_columns})]
        if not self.add_fieldsets:
            self.add_fieldsets = (
                self.edit_fieldsets
                if self.add_columns == self.edit_columns
                else [(None, {"fields": self.add_columns})]
            )
        if not self.show_fieldsets:
            self.show_fieldsets = [(None, {"fields": self.show_columns})]
        parts = self.title_parts or name_parts(self.datamodel.obj)
        self.columns: dict[str, ListColumn] = {
            name: make_column(self.datamodel, name, self.label_of(name), parts)
            for name in dict.fromkeys([*self.list_columns, *self.more_columns])
        }
        self.sorts = {"id": "id"} | {
            name: self.order_by.get(name, name) for name in self.order_columns
        }

    def _init_forms(self) -> None:
        """Make the forms; a list's filters are forms of their own."""
        base = self.route_base or f"/{type(self).__name__.lower()}"
        builder = FormBuilder(self.datamodel, base, self.inline_links)
        if not self.add_form:
            self.add_form = builder.create_form(
                self.label_columns,
                self.add_columns,
                self.description_columns,
                extra_fields=self.add_form_extra_fields,
            )
        if not self.edit_form:
            self.edit_form = builder.create_form(
                self.label_columns,
                self.edit_columns,
                self.description_columns,
                extra_fields=self.edit_form_extra_fields,
            )

    def _init_titles(self) -> None:
        self.list_title = self.list_title or self.label
        self.add_title = self.add_title or self.label

    def filters_of(self, name: str) -> list[Any]:
        """Return the filters of an attribute."""
        return FilterConverter(self.datamodel).convert(name) or []


def _fields(fieldsets: Any) -> list[str]:
    return [name for _title, options in fieldsets or () for name in options["fields"]]


class RepositoryView(ModelView, abstract=True):
    """A screen over a repository: labels in both languages, colour, place in the list."""

    # Reached from the overview of all repositories, which stands in the menu for them.
    category = "Settings"
    in_menu = False
    is_personal = False
    list_template = "appbuilder/general/model/list.html"
    label_columns: ClassVar[dict[str, Any]] = {"name": _l("Name"), "languages": _l("Languages")}
    list_columns: ClassVar[Any] = [
        "name",
        "label_en",
        "label_es",
        "languages",
        "colour",
        "position",
        "is_active",
    ]
    title_parts = ("label",)
    order_columns: ClassVar[Any] = ["position"]
    base_sort = "position"
    search_columns: ClassVar[Any] = ["label_en", "label_es", "is_active"]
    edit_columns: ClassVar[Any] = ["label_en", "label_es", "colour", "position", "is_active"]
    show_columns: ClassVar[Any] = ["label_en", "label_es", "colour", "position", "is_active"]

    def check(self, row: Repository) -> None:
        """Ask for a label in at least one language."""
        check_label(row)

    def before_delete(self, row: Repository) -> None:
        """Refuse to take a value off the files it stands on: their log would not tell of it."""
        if is_in_use(db.session(), row):
            raise InUse(_("“%(name)s” is in use and cannot be deleted.", name=str(row)))


def check_label(row: Repository) -> None:
    """Refuse a repository value without any label."""
    if not (row.label_en or row.label_es):
        raise DomainError(_("Give it a label in at least one language."), field="label_en")
