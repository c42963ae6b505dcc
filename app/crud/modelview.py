"""Our ModelView on Flask-AppBuilder's: list, show, form and trash pages of a model."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any, ClassVar

import flask_appbuilder as fab
from flask_babel import lazy_gettext as _l

from app.crud.actions import get_list_actions
from app.crud.added import place_added_fields
from app.crud.basepage import PageMeta
from app.crud.columns import (
    AttributeColumn,
    FirstColumn,
    ListColumn,
    key_sort,
    make_column,
    name_parts,
)
from app.crud.derivation import Derivation
from app.crud.fabnames import IGNORED_BY_MODEL_VIEW, refuse_ignored_names
from app.crud.filters import FilterConverter
from app.crud.formpages import FormPages
from app.crud.forms import FormBuilder
from app.crud.interface import ScopedInterface
from app.crud.listpages import ListPages
from app.crud.showpages import ShowPages
from app.crud.sorting import Sort
from app.crud.table import Table
from app.crud.transitionpages import TransitionPages
from app.i18n.counted import Counted
from app.log.models import is_logged
from app.registry import Plug
from app.security.areas import Level
from app.security.roles import Grant
from app.states.stateful import Stateful
from app.trash.models import Trashable


class ModelView(
    ListPages, ShowPages, FormPages, TransitionPages, PageMeta, Plug, fab.ModelView, abstract=True
):
    """The pages over a model. Subclassing registers it.

    ``list_columns`` are shown by default; ``more_columns`` can be added by the user.
    Every column that can be sorted is: ``order_by`` names the attribute that holds the sort key
    of a column, or of an order that is no column. ``base_sort`` is the default order, descending
    with a leading minus.
    """

    datamodel: ScopedInterface
    # Flask-AppBuilder's download route ignores the scope.
    exclude_route_methods: set[str] = {"download"}
    more_columns: ClassVar[tuple[str, ...]] = ()
    title_parts: ClassVar[tuple[str, ...]] = ()
    order_by: ClassVar[dict[str, str]] = {}
    # Columns of the list that are no attribute of the model, or are shown in a way of their own.
    column_types: ClassVar[dict[str, type[ListColumn]]] = {}
    base_sort: ClassVar[str] = "id"
    # Relations whose rows are all options of a select: they are few.
    inline_links: ClassVar[tuple[str, ...]] = ()
    singular: ClassVar[Any] = ""
    # Columns that tell rows of the same name apart, in search results and pickers.
    hint_columns: ClassVar[tuple[str, ...]] = ()
    # Columns of which search results show the first that is filled.
    quick_columns: ClassVar[tuple[str, ...]] = ()
    # What saved views, preferences and operations in the database call this screen. By default
    # its address without slashes; a screen whose address changes keeps its key here.
    key: str = ""
    is_trash: ClassVar[bool] = False
    # The attributes of the instance that its fields decide, and those that were set before.
    derived: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    # Whether there are pages over the deleted rows, at the address of this screen and “/trash”;
    # whether they can be deleted permanently there, and what the page of such a row says.
    trash: ClassVar[bool] = False
    can_be_purged: ClassVar[bool] = True
    trash_note: ClassVar[Any] = _l("This is in the trash. Restore it to edit it.")
    # Whether the API has these rows, at “/api/v1” and the address of this screen.
    api: ClassVar[bool] = False
    # The page above the list, if that is not the menu: its endpoint and its label.
    parent_page: ClassVar[tuple[str, Any] | None] = None
    # Whether the rows are people, whose initials the list shows.
    has_faces: ClassVar[bool] = False
    # Whether the list shows the icon of the screen beside each name, as the page of a row does.
    shows_icon: ClassVar[bool] = False
    # Whether the menu *New* of every page leads to the add form, and with which icon.
    in_new_menu: ClassVar[bool] = False
    new_icon: ClassVar[str] = "plus-lg"
    # Sentences of the list that name what it holds.
    all_label: ClassVar[Any] = _l("All")
    per_page_label: ClassVar[Any] = _l("Items per page")
    add_first_label: ClassVar[Any] = _l("Add the first one.")
    add_or_import_label: ClassVar[Any] = _l("Add the first one or import a list.")
    select_hint: ClassVar[Any] = _l("Select items to use actions")
    selected_labels: ClassVar[tuple[Any, Any]] = (_l("1 selected"), _l("{} selected"))
    # A number of its rows in words: ``counted(4)`` is “4 contacts”.
    counted: ClassVar[Counted] = Counted("%(num)s item", "%(num)s items")

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: Any) -> None:
        refuse_ignored_names(cls, ModelView, IGNORED_BY_MODEL_VIEW)
        super().__init_subclass__(abstract=abstract, **kwargs)
        if not abstract:
            for derivation in Derivation.all():
                derivation.consider(cls)

    def __init__(self, **kwargs: Any) -> None:
        """Exclude the routes that the model does not support."""
        model = self.datamodel.obj
        self.key = self.key or self.route_base.strip("/").replace("/", "-")
        excluded = set(self.exclude_route_methods)
        if not issubclass(model, Trashable):
            excluded.add("restore")
        if not is_logged(model):
            excluded.add("put_back")
        if not issubclass(model, Stateful) or self.is_trash:
            excluded.add("transition")
        self.collective = {
            action.action_name(): action
            for action in (() if self.datamodel.with_trash else get_list_actions(model))
        }
        has_row_actions = any(
            hasattr(getattr(type(self), name), "_action") for name in dir(type(self))
        )
        if not has_row_actions:
            # Collective actions start from the list; actions of a single row are routes.
            excluded |= {"action"} if self.collective else {"action", "action_post"}
        self.exclude_route_methods = excluded
        super().__init__(**kwargs)
        for name, action in self.collective.items():
            self.actions[name] = action.item()

    def rebuild(self) -> None:
        """Derive columns, filters and forms anew: fields were added to the model, or removed.

        All change at once for the threads that serve other requests meanwhile.
        """
        fresh = copy(self)
        vars(fresh).clear()
        vars(fresh).update(
            {name: vars(self)[name] for name in vars(self) if name in self.declared}
        )
        fresh.datamodel = copy(self.datamodel)
        fresh._init_properties()
        fresh._init_forms()
        fresh._init_titles()
        gone = self.derived - vars(fresh).keys()
        vars(self).update(vars(fresh))
        for name in gone:
            delattr(self, name)

    def grants(self) -> Iterator[Grant]:
        """Yield a grant for each permission and each collective action of this view."""
        yield from super().grants()
        for name, action in self.collective.items():
            area = action.area or self.area
            yield Grant(area, Level.EDIT, name, self.class_permission_name, self.is_personal)

    def can_run_action(self, name: str) -> bool:
        """Return True if the user may run an action of this view.

        A collective action also needs ``can_list``, because its preview lists rows.
        """
        if name in self.collective:
            rights = (name, "can_list")
            return all(
                self.appbuilder.sm.has_access(right, self.class_permission_name)
                for right in rights
            )
        return self.can(self.get_action_permission_name(name))

    def _init_properties(self) -> None:
        """Set labels from the model's ``info``, and create the columns of the list."""
        # What is set before is not derived from the fields of the model.
        self.declared = frozenset(vars(self))
        self.label_columns = dict(self.label_columns or {})
        self.description_columns = dict(self.description_columns or {})
        self.datamodel.reload()
        place_added_fields(self)
        for name in self.datamodel.get_columns_list():
            if label := self.datamodel.get_info(name).get("label"):
                self.label_columns.setdefault(name, label)
        self.list_columns = list(self.list_columns)
        self.search_columns = list(self.search_columns or [])
        self.edit_columns = list(self.edit_columns or _fieldset_columns(self.edit_fieldsets))
        self.add_columns = list(
            self.add_columns or _fieldset_columns(self.add_fieldsets) or self.edit_columns
        )
        if (
            issubclass(self.datamodel.obj, Stateful)
            and "state" in self.edit_columns + self.add_columns
        ):
            raise TypeError(
                f"{type(self).__name__} edits the state, which only transitions change."
            )
        self.show_columns = list(self.show_columns or _fieldset_columns(self.show_fieldsets))
        filters = list(self.search_columns)
        super()._init_properties()
        # By default those of the list, not every column of the table.
        self.search_columns = filters
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
        columns = {
            name: make_column(self.datamodel, name, self.get_label(name), parts, self.column_types)
            for name in dict.fromkeys([*self.list_columns, *self.more_columns])
        }
        first = next(iter(columns))
        if type(columns[first]) is AttributeColumn:
            # Whatever it is called, it leads to the row.
            columns[first] = FirstColumn(self.datamodel, first, self.get_label(first))
        self.table = Table(
            self.datamodel,
            columns,
            tuple(self.list_columns),
            filters=self._make_filters(columns),
            sorts=self._make_sorts(columns),
            base_sort=self.base_sort,
            labels=self.label_columns,
            quick_columns=self.quick_columns,
            hint_columns=self.hint_columns,
        )
        self.order_columns = list(self.table.sorts)

    def _make_filters(self, columns: dict[str, ListColumn]) -> tuple[str, ...]:
        """Return what the list is filtered by: ``search_columns``, and every column that can be."""
        converter = FilterConverter(self.datamodel)
        refused = {name for name, c in self.datamodel.added.items() if c.why_not_filtered}
        names = dict.fromkeys([*self.search_columns, *columns])
        known = {*self.datamodel.list_properties, *self.datamodel.computed} - refused
        return tuple(name for name in names if name in known and converter.convert(name))

    def _make_sorts(self, columns: dict[str, ListColumn]) -> dict[str, Sort]:
        """Return how the list is sorted by each column that can be sorted."""
        stored = {"id": "id", **self.order_by}
        sorts: dict[str, Sort] = {
            name: key_sort(self.datamodel, attribute) for name, attribute in stored.items()
        }
        for name, column in columns.items():
            if name not in sorts and (sort := column.sort()) is not None:
                sorts[name] = sort
        return sorts

    def _init_forms(self) -> None:
        """Create the add and edit forms; there is no search form."""
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
        self.derived = frozenset(vars(self)) - self.declared
        self.list_title = self.list_title or self.label
        self.add_title = self.add_title or self.label


def _fieldset_columns(fieldsets: Any) -> list[str]:
    return [name for _title, options in fieldsets or () for name in options["fields"]]
