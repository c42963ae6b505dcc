"""The cards of the start page, one plug each: what is to be done, figures, lists, charts.

All figures and all that is to be done are counted in one statement; a card with contents of its
own may be loaded by a script afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, TypeVar
from urllib.parse import urlencode

from flask import render_template
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import Select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.crud.counting import MAX_SHOWN_COUNT, count_capped, show_capped
from app.crud.limits import TooSlow, time_limit
from app.crud.paging import MAX_COUNT
from app.crud.screens import Screen, may, new_screens, registered_view
from app.i18n.counted import Counted
from app.registry import Plug

CardKind = TypeVar("CardKind", bound="Card")

# How far is counted what is to be done: a thousand is too much for one sitting, too.
MAX_TODO = MAX_SHOWN_COUNT


class Card(Plug):
    """Something on the start page. Subclass one of the kinds below."""

    label: ClassVar[Any] = ""
    icon: ClassVar[str] = ""
    order: ClassVar[int] = 50
    # What it takes to see it: a permission on the screen of a model.
    right: ClassVar[tuple[str, type] | None] = None

    @classmethod
    def is_allowed(cls) -> bool:
        """Return True if the user may see the card."""
        return cls.right is None or may(*cls.right)


class ListCard(Card, abstract=True):
    """A card about the rows of a screen: all of them, or those that ``query`` filters."""

    screen: ClassVar[type[Any]]

    @classmethod
    def is_allowed(cls) -> bool:
        return super().is_allowed() and registered_view(cls.screen).can("can_list")

    @classmethod
    def query(cls) -> Mapping[str, str]:
        """Return the filters of the list, as its address has them: ``{"email__empty": "1"}``."""
        return {}

    @classmethod
    def url(cls) -> str:
        """Return the address of the list."""
        return list_url(registered_view(cls.screen), cls.query())

    @classmethod
    def select_counted(cls) -> Select[Any]:
        """Select the ids of the rows."""
        return select_listed(registered_view(cls.screen), cls.query())


class Figure(ListCard, abstract=True):
    """A number that leads to the list behind it."""


class TodoEntry(NamedTuple):
    """Something to be done: what is counted, the sentence for a number of them, the address."""

    counted: Select[Any]
    words: Callable[[int], str]
    url: str


class Todo(Card, abstract=True):
    """Something to be done; shown when there is any."""

    @classmethod
    def entries(cls) -> Sequence[TodoEntry]:
        """Return what is to be done."""
        raise NotImplementedError


class ListTodo(ListCard, Todo, abstract=True):
    """Something to be done with the rows of a screen that ``query`` filters."""

    words: ClassVar[Counted]

    @classmethod
    def entries(cls) -> Sequence[TodoEntry]:
        return [TodoEntry(cls.select_counted(), cls.words, cls.url())]


class ContentCard(Card, abstract=True):
    """A card with a template of its own.

    The whole page may take twelve statements: a card that takes many, or slow ones, is lazy.
    """

    name: ClassVar[str]
    template: ClassVar[str]
    is_lazy: ClassVar[bool] = False

    @classmethod
    def content(cls, session: Session) -> dict[str, Any] | None:
        """Return the context of the template, or None if there is nothing to show."""
        return {}

    @classmethod
    def render(cls, session: Session) -> Markup:
        """Return the card; empty if there is nothing to show."""
        context = cls.content(session)
        if context is None:
            return Markup()
        return Markup(render_template(cls.template, card=cls, **context))


def list_url(screen: Screen, query: Mapping[str, str]) -> str:
    """Return the address of the list of a screen with filters."""
    return f"{screen.route_base}/list/?{urlencode(query)}".rstrip("?")


def select_listed(screen: Screen, query: Mapping[str, str]) -> Select[Any]:
    """Select the ids of the rows that the list of a screen shows with filters."""
    return screen.table.select_ids(screen.table.read_state(MultiDict(query)))


@dataclass
class StartPage:
    """What the start page shows. A number is None if it took too long to count."""

    # Of each, an icon, a sentence and an address.
    todos: list[tuple[str, str, str]] = field(default_factory=list)
    figures: list[tuple[type[Figure], str, str | None]] = field(default_factory=list)
    # Each is rendered, or None if a script loads it.
    cards: list[tuple[type[ContentCard], Markup | None]] = field(default_factory=list)
    # Whether there is no row to be counted, but the user may add some.
    is_first_step: bool = False


def allowed_cards(kind: type[CardKind]) -> list[type[CardKind]]:
    """Return the cards of a kind that the user may see, in order."""
    return sorted((card for card in kind.all() if card.is_allowed()), key=lambda card: card.order)


def load_start_page(session: Session) -> StartPage:
    """Load the start page: one statement for all numbers, and those of the cards with contents."""
    todos = [(todo, entry) for todo in allowed_cards(Todo) for entry in todo.entries()]
    figures = allowed_cards(Figure)
    queries = {f"todo-{place}": entry.counted for place, (_todo, entry) in enumerate(todos)}
    queries |= {f"figure-{place}": one.select_counted() for place, one in enumerate(figures)}
    caps = {name: MAX_TODO if name.startswith("todo") else MAX_COUNT for name in queries}
    counts = _count(session, queries, caps)
    page = StartPage()
    for place, (todo, entry) in enumerate(todos):
        if number := counts.get(f"todo-{place}"):
            page.todos.append((todo.icon, _in_words(entry, number), entry.url))
    for place, figure in enumerate(figures):
        count = counts.get(f"figure-{place}")
        shown = None if count is None else show_capped(count, MAX_COUNT)
        page.figures.append((figure, figure.url(), shown))
    numbers = [counts.get(f"figure-{place}") for place in range(len(figures))]
    page.is_first_step = bool(figures and new_screens()) and all(n == 0 for n in numbers)
    if not page.is_first_step:
        for card in allowed_cards(ContentCard):
            body = None if card.is_lazy else card.render(session)
            if body is None or body:
                page.cards.append((card, body))
    return page


def _in_words(entry: TodoEntry, number: int) -> str:
    text = entry.words(min(number, MAX_TODO))
    return _("more than %(rows)s", rows=text) if number > MAX_TODO else text


def _count(
    session: Session, queries: Mapping[str, Select[Any]], caps: Mapping[str, int]
) -> dict[str, int]:
    """Count in one statement, and what is in the trash in another; empty if it takes too long."""
    trashed = {
        name: query
        for name, query in queries.items()
        if query.get_execution_options().get("with_trash")
    }
    others = {name: query for name, query in queries.items() if name not in trashed}
    try:
        with time_limit(session):
            return count_capped(session, others, caps) | count_capped(
                session, trashed, caps, with_trash=True
            )
    except TooSlow:
        return {}
