"""The selection of a collective action: ticked rows, or all rows that a list's filter finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from flask import abort
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Select, func
from werkzeug.datastructures import MultiDict

from app import organisation
from app.crud.filterbase import InvalidFilter
from app.crud.interface import parse_id
from app.crud.listing import ListState
from app.crud.screens import Screen, screen_named
from app.errors import DomainError
from app.extensions import db
from app.importexport.conditions import select_where
from app.importexport.importer import find_importer
from app.operations.models import Operation
from app.search.parsing import parse_query
from app.security.actor import Actor, acting_as

# Ids that may be ticked, or excluded from a whole list; for more there are filters.
MAX_IDS = 1_000
# Characters of the query string that leads back to the list.
MAX_QUERY_LENGTH = 4_000
# Characters that are not quoted in a query string; with "%", as it is encoded already.
URL_SAFE = "%=&+,;:!*'()@/?$-._~"


class OutOfScope(DomainError):
    """A ticked row is not visible to the actor."""


class UnknownScreen(DomainError):
    """The program no longer has the list that an operation's rows were selected on."""


@dataclass(frozen=True)
class Selection:
    """Rows of the list of a screen: those with ``ids``, or all that the query string ``on`` finds.

    The command line gives ``where`` instead: conditions, or none for all rows.
    """

    screen: Screen
    ids: tuple[int, ...] | None = None
    on: str = ""
    excluded: tuple[int, ...] = ()
    where: tuple[str, ...] | None = None

    @classmethod
    def from_form(cls, screen: Screen, form: MultiDict[str, str]) -> Selection:
        """Read the form of a list's selection bar; abort with 400 if it is malformed."""
        if form.get("all"):
            selection = cls(screen, None, form.get("on", ""), _ids(form.getlist("except")))
            selection.state()
            return selection
        return cls(screen, _ids(form.getlist("rowid")), form.get("on", "")[:MAX_QUERY_LENGTH])

    @classmethod
    def from_operation(cls, operation: Operation) -> Selection:
        """Return the selection that an operation stores; UnknownScreen if its list is gone."""
        kept = operation.selection
        screen = get_screen(operation)
        if "ids" in kept:
            return cls(screen, tuple(kept["ids"]), kept.get("on", ""))
        if "where" in kept:
            return cls(screen, where=tuple(kept["where"]))
        return cls(screen, None, kept["on"], tuple(kept["except"]))

    def to_json(self) -> dict[str, Any]:
        """Return the selection as an operation stores it."""
        name = self.screen.key
        if self.ids is not None:
            # The list they were ticked on, to lead back to it; it filters nothing.
            return {"list": name, "ids": list(self.ids), "on": self.on}
        if self.where is not None:
            return {"list": name, "where": list(self.where)}
        return {"list": name, "on": self.on, "except": list(self.excluded)}

    @property
    def list_url(self) -> str:
        """Return the address of the list the rows were selected on, with its filters."""
        return build_list_url(self.screen, self.on)

    @property
    def model(self) -> Any:
        """Return the model of the rows."""
        return self.screen.table.model

    def state(self) -> ListState:
        """Return what the list's address asks for; InvalidFilter when it cannot be."""
        try:
            pairs = parse_qsl(self.on.removeprefix("?"), max_num_fields=60)
        except ValueError:
            raise InvalidFilter(_("Too many filters.")) from None
        return self.screen.table.read_state(MultiDict(pairs))

    @property
    def is_everything(self) -> bool:
        """Return True if neither filter nor condition limits the rows."""
        if self.ids is not None:
            return False
        if self.where is not None:
            return not self.where
        state = self.state()
        # A search text without any word finds all rows.
        return not state.filters and not parse_query(state.q)

    def rows(self, actor: Actor) -> Select:
        """Select the rows that the actor may see."""
        model = self.model
        with acting_as(actor):
            if self.ids is not None:
                return self.screen.table.datamodel.visible().where(model.id.in_(self.ids))
            if self.where is not None:
                return self._rows_where(self.where, actor)
            query = self.screen.table.select(self.state())
        return query.where(model.id.not_in(self.excluded)) if self.excluded else query

    def _rows_where(self, conditions: tuple[str, ...], actor: Actor) -> Select:
        if not conditions:
            return self.screen.table.datamodel.visible()
        importer = find_importer(self.model)
        if importer is None:
            raise DomainError(_("This list can’t be searched."))
        country = organisation.country()
        return select_where(db.session(), importer, conditions, actor, country)

    def check(self, actor: Actor) -> None:
        """Raise OutOfScope if the actor may not see one of the ticked rows."""
        if self.ids is None:
            return
        if not self.ids:
            raise DomainError(_("Make a selection first."))
        count = self.rows(actor).with_only_columns(func.count(self.model.id))
        if db.session.scalar(count) != len(self.ids):
            raise OutOfScope(
                _("You don’t have access to some of the selection. Nothing was changed.")
            )

    def describe(self) -> str:
        """Return a description of the selection for people."""
        if self.ids is not None:
            return self.screen.counted(len(self.ids))
        if self.where is not None:
            return " · ".join(self.where) or _("Everything in the list")
        text = self.screen.table.describe(self.state()) or _("Everything in the list")
        if self.excluded:
            text += " · " + ngettext(
                "except %(num)s",
                "except %(num)s",
                len(self.excluded),
            )
        return text


def find_screen(operation: Operation) -> Screen | None:
    """Return the screen that an operation's rows were selected on, or None if it is gone."""
    return screen_named(operation.selection["list"])


def get_screen(operation: Operation) -> Screen:
    """Return the screen that an operation's rows were selected on; UnknownScreen if it is gone."""
    screen = find_screen(operation)
    if screen is None:
        raise UnknownScreen(_("This collective action is no longer available."))
    return screen


def build_list_url(screen: Screen, on: str) -> str:
    """Return the address of a list with a query string, which may be anything a browser sends."""
    # Only characters that no address may contain are quoted.
    query = quote(on.removeprefix("?"), safe=URL_SAFE, errors="replace")
    return f"{screen.route_base}/list/?{query}".rstrip("?")


def _ids(texts: list[str]) -> tuple[int, ...]:
    ids = {parse_id(text) for text in texts}
    if None in ids:
        abort(400)
    if len(ids) > MAX_IDS:
        raise DomainError(
            _("Too many to select one by one. Filter the list and select all results.")
        )
    return tuple(sorted(number for number in ids if number is not None))


def to_query_string(pairs: Mapping[str, str]) -> str:
    """Return the filters of an API request as the query string of a list."""
    return urlencode(list(pairs.items()))
