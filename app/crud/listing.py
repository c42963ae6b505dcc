"""A list: what its address asks for, and the page that answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask_babel import gettext as _
from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.datastructures import MultiDict

from app.crud.columns import Cell, ListColumn, Plan
from app.crud.filters import SEPARATOR, BadFilter, Filter, find_filter
from app.crud.paging import CAP, BadPage, Cursor, Order, fetch
from app.errors import DomainError
from app.extensions import db
from app.fieldtypes import kind_of, show_phone
from app.search.models import Searchable
from app.search.queries import LONGEST, matching, words
from app.security.actor import Actor
from app.text import clean

if TYPE_CHECKING:
    from app.crud.modelview import ModelView

SIZES = (25, 50, 100, 200)
# A filtered or searched list is counted this far with the page; the browser asks for the rest.
NARROW_CAP = 1_000


@dataclass(frozen=True)
class ActiveFilter:
    """A filter in force: its name and value in the address, and what they mean."""

    name: str
    raw: str
    filter: Filter
    value: Any


@dataclass(frozen=True)
class ListState:
    """What the address of a list asks for."""

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
        """Return the address's parameters, without a page."""
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
        """Return the query string of this list with some parameters changed or, if None, left out.

        Changing anything leads back to the first page.
        """
        pairs = [pair for pair in self.pairs() if pair[0] not in changes]
        if self.view_id and set(changes) <= {"after", "before", "page"}:
            pairs.append(("view", self.view_id))
        pairs += [(name, str(value)) for name, value in changes.items() if value is not None]
        return "?" + urlencode(pairs)

    def complete(self) -> str:
        """Return the query string that says everything, as a saved view keeps it."""
        whole = replace(self, explicit=frozenset({"sort", "size", "cols"}))
        return urlencode(whole.pairs())

    def narrowing(self) -> str:
        """Return the query string that names the same rows, in whatever order and columns."""
        pairs = [(active.name, active.raw) for active in self.filters]
        return urlencode([*pairs, ("q", self.q)] if self.q else pairs)

    def without(self, active: ActiveFilter) -> str:
        """Return the query string without one filter."""
        kept = tuple(other for other in self.filters if other is not active)
        return replace(self, filters=kept, view_id="").url()

    def sort_url(self, column: str) -> str:
        """Return the query string that sorts by a column, or turns the order round."""
        down = self.sort == column and not self.descending
        return self.url(sort=("-" if down else "") + column)


def read_state(view: ModelView, args: MultiDict, preferences: dict[str, Any]) -> ListState:
    """Read what the address asks for; BadFilter or BadPage when it asks for the impossible."""
    filters = []
    for name, raw in args.items(multi=True):
        if SEPARATOR in name or name.startswith(("_flt_", "_oc_", "_od_", "page_", "psize_")):
            found = find_filter(view.datamodel, view.search_columns, name)
            filters.append(ActiveFilter(name, raw, found, found.read(raw)))
    if len(filters) > 20:
        raise BadFilter(_("These are too many filters at once."))
    explicit = {name for name in ("sort", "size", "cols") if args.get(name)}
    sort = args.get("sort") or view.base_sort
    column = sort.removeprefix("-")
    if column not in view.sorts:
        raise BadFilter(_("This list cannot be sorted by “%(name)s”.", name=clean(column)[:40]))
    page = args.get("page", "")
    if page not in ("", "last"):
        raise BadPage("page")
    return ListState(
        q=clean(args.get("q", ""))[:LONGEST],
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


def _size(asked: str | None, preferred: Any) -> int:
    if asked is None:
        return preferred if preferred in SIZES else 50
    if asked not in {str(size) for size in SIZES}:
        raise BadPage("size")
    return int(asked)


def _columns(view: ModelView, asked: str | None, preferred: Any) -> tuple[str, ...]:
    if asked is not None:
        names = asked.split(",")
        if not names or not set(names) <= set(view.columns):
            raise BadFilter(_("This list has no such column."))
    else:
        names = [name for name in preferred or () if name in view.columns]
        names = names or list(view.list_columns)
    # The name comes first, always: it is the way to the file.
    first = next(iter(view.columns))
    return tuple(dict.fromkeys([first, *names]))


@dataclass
class ListPage:
    """One page of a list, ready to be drawn."""

    state: ListState
    columns: list[ListColumn]
    rows: list[tuple[int, list[Cell]]]
    count: int
    first: int | None
    previous: str = ""
    next: str = ""
    is_capped: bool = False
    chips: list[tuple[ActiveFilter, str]] = field(default_factory=list)

    @property
    def last(self) -> int | None:
        """Return the place of the last row on the page."""
        return None if self.first is None else self.first + len(self.rows) - 1


def load_page(
    view: ModelView,
    state: ListState,
    actor: Actor,
    columns: list[Any] | None = None,
) -> ListPage:
    """Fetch a page: one statement for the count, one or two for the rows, one for each chips column.

    The ids of a list that is narrowed to few rows are read first, in whatever order comes
    cheapest; only then are they sorted. Left to itself, a database walks the whole sort index
    in search of them. ``columns`` replaces those of the screen.
    """
    model = view.datamodel.obj
    sort: InstrumentedAttribute = getattr(model, view.sorts[state.sort])
    order = Order(sort, model.id, state.descending, nullable=sort.expression.nullable)
    base = filtered(view, state)
    cap = NARROW_CAP if state.filters or state.q else CAP
    if cap == NARROW_CAP:
        ids = db.session.scalars(base.with_only_columns(model.id).limit(cap + 1)).all()
        count = len(ids)
        if count <= cap:
            base = view.datamodel.visible().where(model.id.in_(ids))
    else:
        count = count_rows(view, state, cap)
    capped = count > cap
    plan = Plan(columns or [view.columns[name] for name in state.cols])
    options = base.get_execution_options()

    def run(statement: Select, descending: bool):
        # First the ids, from an index alone; then the columns of just those rows.
        found = statement.subquery()
        outer = select(found.c.row_id, found.c.sort).join(model, model.id == found.c.row_id)
        keys = (found.c.sort, found.c.row_id)
        outer = plan.apply(outer, actor).order_by(*(k.desc() if descending else k for k in keys))
        return db.session.execute(outer, execution_options=options).all()

    kind = _python_type(sort)
    after = Cursor.read(state.after, kind) if state.after else None
    before = Cursor.read(state.before, kind) if state.before else None
    size = state.size
    if state.last and not capped and count % size:
        size = count % size
    found = fetch(
        run,
        base.with_only_columns(model.id.label("row_id"), sort.label("sort")),
        order,
        size,
        after=after,
        before=before,
        last=state.last,
    )
    page = ListPage(
        state,
        plan.columns,
        plan.cells(list(found.rows)),
        min(count, cap),
        _first_place(state, after, before, len(found.rows), None if capped else count),
        is_capped=capped,
        chips=[(active, active.filter.show(active.value)) for active in state.filters],
    )
    if found.rows and found.has_previous:
        page.previous = state.url(before=Cursor(found.rows[0][1], found.rows[0][0], page.first))
    if found.rows and found.has_next:
        page.next = state.url(after=Cursor(found.rows[-1][1], found.rows[-1][0], page.last))
    return page


def count_rows(view: ModelView, state: ListState, cap: int = CAP) -> int:
    """Count the rows of a list, as far as one more than ``cap``."""
    base = filtered(view, state)
    rows = base.with_only_columns(view.datamodel.obj.id).limit(cap + 1).subquery()
    count = db.session.scalar(
        select(func.count()).select_from(rows), execution_options=base.get_execution_options()
    )
    return count or 0


def filtered(view: ModelView, state: ListState) -> Select:
    """Select the rows a list shows, unsorted: within the scope, filtered and searched."""
    query = view.datamodel.visible()
    for condition in view.conditions(state):
        query = query.where(condition)
    for active in state.filters:
        query = active.filter.apply(query, active.value)
    if state.q and words(state.q):
        model = view.datamodel.obj
        if not issubclass(model, Searchable):
            raise DomainError(_("This list cannot be searched."))
        query = query.where(matching(db.session, model, state.q))
    return query


def _python_type(attribute: InstrumentedAttribute) -> type:
    return kind_of(attribute.expression).column.type.python_type


def _first_place(
    state: ListState,
    after: Cursor | None,
    before: Cursor | None,
    found: int,
    count: int | None,
) -> int | None:
    """Return the place in the list of the first row on the page, if it can be known."""
    if after is not None:
        return None if after.place is None else after.place + 1
    if before is not None:
        return None if before.place is None else max(before.place - found, 1)
    if state.last:
        return None if count is None else count - found + 1
    return 1 if found else 0


def quick_hits(view: ModelView, typed: str, limit: int, actor: Actor) -> list[dict[str, Any]]:
    """Return ``{id, label, hint, url}`` of the first rows that ``typed`` finds."""
    model = view.datamodel.obj
    query = view.datamodel.visible().where(matching(db.session, model, typed))
    title = next(iter(view.columns.values()))
    query, expressions = title.select(query, actor)
    hints = [name for name in ("email", "phone", "number") if hasattr(model, name)]
    query = query.with_only_columns(
        model.id, *expressions, *(getattr(model, name) for name in hints)
    )
    query = query.order_by(model.sort_name, model.id).limit(limit)
    found = []
    for row in db.session.execute(query):
        cell = title.cell(tuple(row[1 : 1 + len(expressions)]))
        told = zip(hints, row[1 + len(expressions) :], strict=True)
        name, value = next(((name, value) for name, value in told if value), ("", ""))
        hint = show_phone(value) if name == "phone" else value
        found.append(
            {"label": cell.text, "initials": cell.extra, "hint": hint,
             "url": f"{view.route_base}/show/{row[0]}"}
        )  # fmt: skip
    return found
