"""The state of a list, read from its query string, and a page of it, ready to be rendered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.crud.columns import Cell, ListColumn
from app.crud.filterbase import Filter, InvalidFilter
from app.crud.limits import slow_list, time_limit
from app.extensions import db
from app.security.actor import Actor

SIZES = (25, 50, 100, 200)


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
    # Parameters of a page that shows the list among other things, kept in its addresses.
    page_pairs: tuple[tuple[str, str], ...] = ()

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
        return "?" + _encoded((*self.page_pairs, *pairs))

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

    def on_page(self, *pairs: tuple[str, str]) -> ListState:
        """Return the same list on a page with parameters of its own, such as the name of a tab."""
        return replace(self, page_pairs=pairs)

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


@lru_cache(maxsize=4_096)
def _encoded(pairs: tuple[tuple[str, str], ...]) -> str:
    return urlencode(pairs)


def encode_query(args: MultiDict) -> str:
    """Encode the query string, to return to the list later."""
    return urlencode(list(args.items(multi=True)))


def decode_query(text: str) -> list[tuple[str, str]]:
    """Decode a query string that ``encode_query`` returned."""
    try:
        return parse_qsl(text, max_num_fields=60)
    except ValueError:
        raise InvalidFilter(_("Too many filters.")) from None


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


@contextmanager
def limited(
    state: ListState, actor: Actor, is_scan: bool = False, session: Any = None
) -> Iterator[None]:
    """Limit the time of the block's statements, and how many slow lists the actor loads at once."""
    with ExitStack() as stack:
        if is_scan or any(active.is_scan for active in state.filters):
            stack.enter_context(slow_list(actor))
        stack.enter_context(time_limit(session or db.session))
        yield
