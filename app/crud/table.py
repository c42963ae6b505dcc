"""A list as an object: which rows, columns, filters and orders it has, and how a page is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, func, select
from werkzeug.datastructures import MultiDict

from app.bulk import has_id
from app.crud.columns import ColumnPlan, ListColumn
from app.crud.filterbase import SEPARATOR, Filter, InvalidFilter
from app.crud.filters import FilterConverter
from app.crud.interface import ScopedInterface
from app.crud.linkfilters import show_values
from app.crud.listing import SIZES, ActiveFilter, ListPage, ListState, limited
from app.crud.pageloader import PageLoader
from app.crud.paging import MAX_COUNT, Cursor, InvalidPage
from app.crud.prepared import finished, finished_with_values, prepared, read
from app.crud.sorting import KeySort, Sort
from app.errors import DomainError
from app.extensions import db
from app.search.models import Searchable
from app.search.parsing import MAX_QUERY_LENGTH, parse_query
from app.search.queries import search_condition, select_matching_ids
from app.security.actor import Actor, current_actor
from app.security.scope import sees_every_row
from app.text import clean

# Filters that read every row; each folds a text of every row.
MAX_SCANS = 3
MAX_FILTERS = 20
# A filtered list is counted up to this with the page; a script fetches the full count.
MAX_FILTERED_COUNT = 1_000


@dataclass(frozen=True)
class Table:
    """A list of the rows of ``datamodel``, within its scope.

    The first of ``columns`` is the title, which is always shown; ``default_columns`` are shown
    unless others are chosen. ``filters`` names the attributes that rows are filtered by;
    ``base_sort`` is the default order, descending with a leading minus.
    """

    datamodel: ScopedInterface
    columns: Mapping[str, ListColumn]
    default_columns: tuple[str, ...]
    filters: tuple[str, ...] = ()
    sorts: Mapping[str, Sort] = field(default_factory=dict)
    base_sort: str = "id"
    labels: Mapping[str, Any] = field(default_factory=dict)
    # Columns whose first filled one, and columns that all, tell rows of the same name apart.
    quick_columns: tuple[str, ...] = ()
    hint_columns: tuple[str, ...] = ()
    # Whether these are the few rows that are linked to another one.
    is_part: bool = False

    @property
    def model(self) -> Any:
        """Return the model of the rows."""
        return self.datamodel.obj

    @property
    def title(self) -> ListColumn:
        """Return the column with the name of a row."""
        return next(iter(self.columns.values()))

    def where(self, condition: ColumnElement[bool]) -> Table:
        """Return the same list over a part of its rows, such as those linked to another row."""
        return replace(self, datamodel=self.datamodel.where(condition), is_part=True)

    def get_label(self, name: str) -> Any:
        """Return the label of an attribute."""
        return self.labels.get(name, name)

    # Filters

    def get_filters(self, name: str) -> list[Filter]:
        """Return the filters of an attribute; none if the list is not filtered by it."""
        if name not in self.filters:
            return []
        return FilterConverter(self.datamodel).convert(name) or []

    def find_filter(self, name: str) -> Filter:
        """Return the filter named in the query string, such as ``status__is``."""
        column, _sep, operator = name.rpartition(SEPARATOR)
        for filter_ in self.get_filters(column):
            if filter_.arg_name == operator:
                return filter_
        raise InvalidFilter(_("Filter “%(name)s” doesn’t exist.", name=clean(name)[:80]))

    def describe(self, state: ListState) -> str:
        """Return the filters and the search in the reader's language; empty if there are none."""
        parts = [
            f"{self.get_label(active.filter.column_name)} {active.filter.name} "
            f"{active.filter.show(active.value)}".strip()
            for active in state.filters
        ]
        if state.q:
            parts.append(_("Search: “%(words)s”", words=state.q))
        return " · ".join(parts)

    # State

    def read_state(
        self,
        args: MultiDict[str, str] | None = None,
        preferences: Mapping[str, Any] | None = None,
    ) -> ListState:
        """Parse the query string of the list; raise InvalidFilter or InvalidPage.

        ``preferences`` holds the ``size`` and ``cols`` of a user who asks for no others.
        """
        args = MultiDict() if args is None else args
        preferences = preferences or {}
        filters = self._read_filters(args)
        explicit = {name for name in ("sort", "size", "cols") if args.get(name)}
        sort = args.get("sort") or self.base_sort
        column = sort.removeprefix("-")
        if column not in self.sorts:
            raise InvalidFilter(
                _("This list can’t be sorted by “%(name)s”.", name=clean(column)[:40])
            )
        page = args.get("page", "")
        if page not in ("", "last"):
            raise InvalidPage("page")
        return ListState(
            q=clean(args.get("q", ""))[:MAX_QUERY_LENGTH],
            filters=filters,
            sort=column,
            descending=sort.startswith("-"),
            size=_read_size(args.get("size"), preferences.get("size")),
            cols=self._read_columns(args.get("cols"), preferences.get("cols")),
            explicit=frozenset(explicit),
            view_id=args.get("view", "")[:12] if args.get("view", "").isdigit() else "",
            after=args.get("after", ""),
            before=args.get("before", ""),
            last=page == "last",
        )

    def _read_filters(self, args: MultiDict[str, str]) -> tuple[ActiveFilter, ...]:
        filters = []
        for name, raw in args.items(multi=True):
            if SEPARATOR in name or name.startswith(("_flt_", "_oc_", "_od_", "page_", "psize_")):
                filter_ = self.find_filter(name)
                filters.append(ActiveFilter(name, raw, filter_, filter_.read(raw)))
        if len(filters) > MAX_FILTERS:
            raise InvalidFilter(_("Too many filters."))
        if sum(active.is_scan for active in filters) > MAX_SCANS:
            raise InvalidFilter(
                _("Use at most %(number)s text filters in one list.", number=MAX_SCANS)
            )
        return tuple(filters)

    def _read_columns(
        self, requested: str | None, preferred: Sequence[str] | None
    ) -> tuple[str, ...]:
        if requested is not None:
            names = requested.split(",")
            if not names or not set(names) <= set(self.columns):
                raise InvalidFilter(_("This list doesn’t have this column."))
        else:
            names = [name for name in preferred or () if name in self.columns]
            names = names or list(self.default_columns)
        # The name always comes first: it links to the show page.
        return tuple(dict.fromkeys([self.title.name, *names]))

    # Rows

    def select(self, state: ListState) -> Select:
        """Select the rows of the list, unsorted: in scope, filtered and searched."""
        query = self.datamodel.visible()
        for active in state.filters:
            query = active.filter.apply(query, active.value)
        if state.q and parse_query(state.q):
            if not issubclass(self.model, Searchable):
                raise DomainError(_("This list can’t be searched."))
            query = query.where(search_condition(db.session(), self.model, state.q))
        return query

    def select_ids(self, state: ListState) -> Select:
        """Select the ids of the rows of the list, unsorted."""
        return self.select(state).with_only_columns(self.model.id)

    def count(self, state: ListState, actor: Actor, cap: int = MAX_COUNT) -> int:
        """Count the rows of the list, up to ``cap + 1``."""
        with limited(state, actor):
            return self._count(state, cap)

    def _count(self, state: ListState, cap: int) -> int:
        def build() -> Select:
            ids = self.select_ids(state)
            query = select(func.count()).select_from(ids.limit(cap + 1).subquery())
            query = query.execution_options(**ids.get_execution_options())
            return finished_with_values(query) if is_whole else finished(query)

        is_whole = not (state.filters or state.q or self.is_part)
        key = (self.datamodel, cap)
        query = prepared(current_actor(), key, build) if is_whole else build()
        return read(query)[0][0]

    def load_page(
        self, state: ListState, actor: Actor, columns: Sequence[ListColumn] | None = None
    ) -> ListPage:
        """Load a page: one statement for the count, one or two for the rows, one per chips column.

        The ids of a filtered list with few rows are read first, unsorted, and sorted after;
        otherwise the database may walk the whole sort index to find them. ``columns`` replaces
        those of the list.
        """
        sort = self.sorts[state.sort]
        with limited(state, actor, is_scan=isinstance(sort, KeySort) and sort.is_scan):
            return self._load_page(state, actor, columns)

    def _load_page(
        self, state: ListState, actor: Actor, columns: Sequence[ListColumn] | None
    ) -> ListPage:
        base, count, is_capped = self._count_page(state, actor)
        plan = ColumnPlan(list(columns or [self.columns[name] for name in state.cols]))
        size = state.size
        if state.last and not is_capped and count % size:
            size = count % size
        sort = self.sorts[state.sort]
        after = Cursor.read(state.after, sort.value_type) if state.after else None
        before = Cursor.read(state.before, sort.value_type) if state.before else None
        # Of an unfiltered list with many rows, those of the first values are soon found.
        is_whole = not (state.filters or state.q or self.is_part)
        is_walked = is_whole and count > MAX_FILTERED_COUNT
        is_filtered = bool(state.filters or state.q)
        is_postgres = _dialect().name == "postgresql"
        is_sought = is_filtered and is_capped and is_postgres
        unfiltered = self.datamodel.visible() if is_sought else None
        are_few = not is_whole and not is_capped and is_postgres
        loader = PageLoader(
            self.datamodel, base, plan, actor, state, size, after, before,
            is_whole and columns is None, is_walked, unfiltered, are_few,
        )  # fmt: skip
        found = loader.by_key(sort) if isinstance(sort, KeySort) else loader.by_group(sort)
        texts = show_values([(active.filter, active.value) for active in state.filters])
        page = ListPage(
            state,
            plan.columns,
            plan.cells(list(found.rows)),
            count,
            loader.first_position(len(found.rows), None if is_capped else count),
            is_capped=is_capped,
            chips=list(zip(state.filters, texts, strict=True)),
        )
        if found.rows and found.has_previous:
            page.previous = state.url(
                before=Cursor(found.rows[0][1], found.rows[0][0], page.first)
            )
        if found.rows and found.has_next:
            page.next = state.url(after=Cursor(found.rows[-1][1], found.rows[-1][0], page.last))
        return page

    def _count_page(self, state: ListState, actor: Actor) -> tuple[Select, int, bool]:
        """Return the rows of a list, how many there are, and whether there are more than that.

        A filtered list with few rows becomes one of their ids.
        """
        if not (state.filters or state.q or self.is_part):
            count = self._count(state, MAX_COUNT)
            return self.select(state), min(count, MAX_COUNT), count > MAX_COUNT
        found = self._select_searched_ids(state, actor)
        few = (self.select_ids(state) if found is None else found).limit(MAX_FILTERED_COUNT + 1)
        ids = db.session.scalars(few).all()
        if len(ids) > MAX_FILTERED_COUNT:
            return self.select(state), MAX_FILTERED_COUNT, True
        return (
            self.datamodel.visible().where(has_id(_dialect(), self.model.id, ids)),
            len(ids),
            False,
        )

    def _select_searched_ids(self, state: ListState, actor: Actor) -> Select | None:
        """Select the ids that a search finds among all rows, without reading these."""
        interface = self.datamodel
        is_limited = state.filters or interface.with_trash or interface.condition is not None
        if not state.q or is_limited or not issubclass(self.model, Searchable):
            return None
        if not sees_every_row(self.model, actor):
            return None
        return select_matching_ids(db.session(), self.model, state.q)


def _dialect() -> Any:
    return db.session.get_bind().dialect


def _read_size(requested: str | None, preferred: Any) -> int:
    if requested is None:
        return preferred if preferred in SIZES else 50
    if requested not in {str(size) for size in SIZES}:
        raise InvalidPage("size")
    return int(requested)
