"""Read the state of a list from its query string and load the page it describes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from flask_babel import gettext as _
from sqlalchemy import Select, func, select
from werkzeug.datastructures import MultiDict

from app.crud.columns import Cell, ColumnPlan, ListColumn
from app.crud.filters import SEPARATOR, Filter, InvalidFilter, find_filter
from app.crud.limits import slow_list, time_limit
from app.crud.paging import MAX_COUNT, Cursor, InvalidPage, Order, Slice, fetch
from app.crud.quicksearch import suggest_query
from app.crud.sorting import GroupSort, KeySort, fetch_groups
from app.errors import DomainError
from app.extensions import db
from app.search.models import Searchable
from app.search.parsing import MAX_QUERY_LENGTH, parse_query
from app.search.queries import search_condition
from app.security.actor import Actor, current_actor
from app.text import clean

if TYPE_CHECKING:
    from app.crud.modelview import ModelView

SIZES = (25, 50, 100, 200)
# Filters that read every row; each folds a text of every row.
MAX_SCANS = 3
# A filtered list is counted up to this with the page; a script fetches the full count.
MAX_FILTERED_COUNT = 1_000


@dataclass(frozen=True)
class ActiveFilter:
    """An applied filter: its name and raw value in the query string, and the parsed value."""

    name: str
    raw: str
    filter: Filter
    value: Any

    @property
    def is_scan(self) -> bool:
        """Return True if the filter reads every row."""
        return self.filter.is_scan(self.value)


@dataclass(frozen=True)
class ListState:
    """The filters, search, order, columns and page of a list.

    ``explicit`` names which of sort, size and cols stand in the query string.
    """

    q: str
    filters: tuple[ActiveFilter, ...]
    sort: str
    descending: bool
    size: int
    cols: tuple[str, ...]
    explicit: frozenset[str] = frozenset()
    view_id: str = ""
    after: str = ""
    before: str = ""
    last: bool = False

    def pairs(self) -> list[tuple[str, str]]:
        """Return the parameters of the query string, without the page."""
        pairs = [(active.name, active.raw) for active in self.filters]
        if self.q:
            pairs.append(("q", self.q))
        if "sort" in self.explicit:
            pairs.append(("sort", ("-" if self.descending else "") + self.sort))
        if "size" in self.explicit:
            pairs.append(("size", str(self.size)))
        if "cols" in self.explicit:
            pairs.append(("cols", ",".join(self.cols)))
        return pairs

    def url(self, **changes: Any) -> str:
        """Return the query string with some parameters changed or, if None, removed.

        The result has no page unless one of the changes names it.
        """
        pairs = [pair for pair in self.pairs() if pair[0] not in changes]
        if self.view_id and "view" not in changes:
            pairs.append(("view", self.view_id))
        pairs += [(name, str(value)) for name, value in changes.items() if value is not None]
        return "?" + urlencode(pairs)

    def full_query(self) -> str:
        """Return the query string with sort, size and columns spelled out, for a saved view."""
        whole = replace(self, explicit=frozenset({"sort", "size", "cols"}))
        return urlencode(whole.pairs())

    def filter_query(self) -> str:
        """Return the query string of the filters and the search alone."""
        pairs = [(active.name, active.raw) for active in self.filters]
        return urlencode([*pairs, ("q", self.q)] if self.q else pairs)

    def without(self, active: ActiveFilter) -> str:
        """Return the query string without one filter."""
        remaining = tuple(other for other in self.filters if other is not active)
        return replace(self, filters=remaining).url()

    def of_view(self, view_id: str) -> ListState:
        """Return the same list as a change of a saved view."""
        return replace(self, view_id=view_id)

    def cleared(self) -> str:
        """Return the query string without any filter or search."""
        return replace(self, filters=(), q="").url()

    def is_saved_as(self, query: str) -> bool:
        """Return True if a saved view with this query string shows the same list."""
        return sorted(decode_query(query)) == sorted(decode_query(self.full_query()))

    def sort_url(self, column: str) -> str:
        """Return the query string that sorts by a column, or reverses its order."""
        down = self.sort == column and not self.descending
        return self.url(sort=("-" if down else "") + column)


def encode_query(args: MultiDict) -> str:
    """Encode the query string, to return to the list later."""
    return urlencode(list(args.items(multi=True)))


def decode_query(text: str) -> list[tuple[str, str]]:
    """Decode a query string that ``encode_query`` returned."""
    try:
        return parse_qsl(text, max_num_fields=60)
    except ValueError:
        raise InvalidFilter(_("Too many filters.")) from None


def read_state(view: ModelView, args: MultiDict, preferences: dict[str, Any]) -> ListState:
    """Parse the query string of a list; raise InvalidFilter or InvalidPage."""
    filters = []
    for name, raw in args.items(multi=True):
        if SEPARATOR in name or name.startswith(("_flt_", "_oc_", "_od_", "page_", "psize_")):
            filter_ = find_filter(view.datamodel, view.search_columns, name)
            filters.append(ActiveFilter(name, raw, filter_, filter_.read(raw)))
    if len(filters) > 20:
        raise InvalidFilter(_("Too many filters."))
    if sum(active.is_scan for active in filters) > MAX_SCANS:
        raise InvalidFilter(
            _("Use at most %(number)s text filters in one list.", number=MAX_SCANS)
        )
    explicit = {name for name in ("sort", "size", "cols") if args.get(name)}
    sort = args.get("sort") or view.base_sort
    column = sort.removeprefix("-")
    if column not in view.sorts:
        raise InvalidFilter(_("This list can’t be sorted by “%(name)s”.", name=clean(column)[:40]))
    page = args.get("page", "")
    if page not in ("", "last"):
        raise InvalidPage("page")
    return ListState(
        q=clean(args.get("q", ""))[:MAX_QUERY_LENGTH],
        filters=tuple(filters),
        sort=column,
        descending=sort.startswith("-"),
        size=_size(args.get("size"), preferences.get("size")),
        cols=_columns(view, args.get("cols"), preferences.get("cols")),
        explicit=frozenset(explicit),
        view_id=args.get("view", "")[:12] if args.get("view", "").isdigit() else "",
        after=args.get("after", ""),
        before=args.get("before", ""),
        last=page == "last",
    )


def _size(requested: str | None, preferred: Any) -> int:
    if requested is None:
        return preferred if preferred in SIZES else 50
    if requested not in {str(size) for size in SIZES}:
        raise InvalidPage("size")
    return int(requested)


def _columns(view: ModelView, requested: str | None, preferred: Any) -> tuple[str, ...]:
    if requested is not None:
        names = requested.split(",")
        if not names or not set(names) <= set(view.columns):
            raise InvalidFilter(_("This list doesn’t have this column."))
    else:
        names = [name for name in preferred or () if name in view.columns]
        names = names or list(view.list_columns)
    # The name always comes first: it links to the show page.
    first = next(iter(view.columns))
    return tuple(dict.fromkeys([first, *names]))


@dataclass
class ListPage:
    """One page of a list, ready to be rendered."""

    state: ListState
    columns: list[ListColumn]
    rows: list[tuple[int, list[Cell]]]
    count: int
    first: int | None
    previous: str = ""
    next: str = ""
    is_capped: bool = False
    chips: list[tuple[ActiveFilter, str]] = field(default_factory=list)
    # Of a search without results: the nearest query that has some.
    suggestion: str | None = None

    @property
    def last(self) -> int | None:
        """Return the position in the list of the last row of the page."""
        return None if self.first is None else self.first + len(self.rows) - 1


def load_page(
    view: ModelView,
    state: ListState,
    actor: Actor,
    columns: list[Any] | None = None,
) -> ListPage:
    """Load a page: one statement for the count, one or two for the rows, one per chips column.

    The ids of a filtered list with few rows are read first, unsorted, and sorted after;
    otherwise the database may walk the whole sort index to find them. ``columns`` replaces
    those of the view.
    """
    with limited(state, actor):
        return _load_page(view, state, actor, columns)


def _load_page(
    view: ModelView, state: ListState, actor: Actor, columns: list[Any] | None
) -> ListPage:
    base, count, capped = _count_page(view, state)
    plan = ColumnPlan(columns or [view.columns[name] for name in state.cols])
    size = state.size
    if state.last and not capped and count % size:
        size = count % size
    sort = view.sorts[state.sort]
    after = Cursor.read(state.after, sort.value_type) if state.after else None
    before = Cursor.read(state.before, sort.value_type) if state.before else None
    fetch_page = _fetch_by_key if isinstance(sort, KeySort) else _fetch_by_group
    fetched = fetch_page(
        view, sort, base, plan, actor, state, size, after=after, before=before, last=state.last
    )
    page = ListPage(
        state,
        plan.columns,
        plan.cells(list(fetched.rows)),
        count,
        _first_position(state, after, before, len(fetched.rows), None if capped else count),
        is_capped=capped,
        chips=[(active, active.filter.show(active.value)) for active in state.filters],
    )
    if state.q and not count and not state.filters and issubclass(view.datamodel.obj, Searchable):
        page.suggestion = suggest_query(view, state.q, actor)
    if fetched.rows and fetched.has_previous:
        page.previous = state.url(
            before=Cursor(fetched.rows[0][1], fetched.rows[0][0], page.first)
        )
    if fetched.rows and fetched.has_next:
        page.next = state.url(after=Cursor(fetched.rows[-1][1], fetched.rows[-1][0], page.last))
    return page


@contextmanager
def limited(state: ListState, actor: Actor) -> Iterator[None]:
    """Limit the time of the block's statements, and how many slow lists the actor loads at once."""
    with ExitStack() as stack:
        if any(active.is_scan for active in state.filters):
            stack.enter_context(slow_list(actor))
        stack.enter_context(time_limit(db.session))
        yield


def _count_page(view: ModelView, state: ListState) -> tuple[Select, int, bool]:
    """Return the rows of a list, how many there are, and whether there are more than that.

    A filtered list with few rows becomes one of their ids.
    """
    base = filter_rows(view, state)
    if not (state.filters or state.q):
        count = _count_rows(view, state, MAX_COUNT)
        return base, min(count, MAX_COUNT), count > MAX_COUNT
    model = view.datamodel.obj
    ids = db.session.scalars(base.with_only_columns(model.id).limit(MAX_FILTERED_COUNT + 1)).all()
    if len(ids) > MAX_FILTERED_COUNT:
        return base, MAX_FILTERED_COUNT, True
    return view.datamodel.visible().where(model.id.in_(ids)), len(ids), False


def _fetch_by_key(
    view: ModelView, sort: KeySort, base: Select, plan: ColumnPlan, actor: Actor,
    state: ListState, size: int, **place: Any,
) -> Slice:  # fmt: skip
    """Fetch the rows of a page that the database sorts."""
    model = view.datamodel.obj
    options = base.get_execution_options()

    def run(statement: Select, descending: bool):
        # The ids come from an index alone; then the columns of just those rows are read.
        ids = statement.subquery()
        outer = select(ids.c.row_id, ids.c.sort).join(model, model.id == ids.c.row_id)
        keys = (ids.c.sort, ids.c.row_id)
        outer = plan.apply(outer, actor).order_by(*(k.desc() if descending else k for k in keys))
        return db.session.execute(outer, execution_options=options).all()

    if sort.join is not None:
        base = sort.join(base, actor)
    unlinked = None if sort.unlinked is None else sort.unlinked(actor)
    order = Order(sort.attribute, model.id, state.descending, sort.nullable, sort.link, unlinked)
    query = base.with_only_columns(model.id.label("row_id"), sort.attribute.label("sort"))
    return fetch(run, query, order, size, **place)


def _fetch_by_group(
    view: ModelView, sort: GroupSort, base: Select, plan: ColumnPlan, actor: Actor,
    state: ListState, size: int, **place: Any,
) -> Slice:  # fmt: skip
    """Fetch the rows of a page that is sorted value by value: first the ids, then the rows."""
    model = view.datamodel.obj
    options = base.get_execution_options()

    def run(statement: Select):
        return db.session.execute(statement, execution_options=options).all()

    found = fetch_groups(
        run, base, model.id, sort, actor, size, descending=state.descending, **place
    )
    if not found.rows:
        return found
    query = select(model.id, model.id).where(model.id.in_([row_id for row_id, _ in found.rows]))
    by_id = {row[0]: tuple(row) for row in run(plan.apply(query, actor))}
    # A row may be deleted between the two statements.
    rows = [(row_id, value, *by_id[row_id][2:]) for row_id, value in found.rows if row_id in by_id]
    return replace(found, rows=rows)


def count_rows(view: ModelView, state: ListState, cap: int = MAX_COUNT) -> int:
    """Count the rows of a list, up to ``cap + 1``."""
    with limited(state, current_actor()):
        return _count_rows(view, state, cap)


def _count_rows(view: ModelView, state: ListState, cap: int) -> int:
    base = filter_rows(view, state)
    rows = base.with_only_columns(view.datamodel.obj.id).limit(cap + 1).subquery()
    count = db.session.scalar(
        select(func.count()).select_from(rows), execution_options=base.get_execution_options()
    )
    return count or 0


def filter_rows(view: ModelView, state: ListState) -> Select:
    """Select the rows of a list, unsorted: in scope, filtered and searched."""
    query = view.datamodel.visible()
    for condition in view.conditions(state):
        query = query.where(condition)
    for active in state.filters:
        query = active.filter.apply(query, active.value)
    if state.q and parse_query(state.q):
        model = view.datamodel.obj
        if not issubclass(model, Searchable):
            raise DomainError(_("This list can’t be searched."))
        query = query.where(search_condition(db.session, model, state.q))
    return query


def _first_position(
    state: ListState,
    after: Cursor | None,
    before: Cursor | None,
    row_count: int,
    count: int | None,
) -> int | None:
    """Return the position in the list of the first row of the page, or None if unknown."""
    if after is not None:
        return None if after.position is None else after.position + 1
    if before is not None:
        return None if before.position is None else max(before.position - row_count, 1)
    if state.last:
        return None if count is None else count - row_count + 1
    return 1 if row_count else 0
