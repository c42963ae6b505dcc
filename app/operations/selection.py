"""Which rows a collective action is for: ticked ones, or all that a list's filter finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from flask import abort, current_app
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Select, func
from werkzeug.datastructures import MultiDict

from app.crud.filters import BadFilter
from app.crud.interface import as_id
from app.crud.listing import ListState, filtered, read_state
from app.errors import DomainError
from app.extensions import db
from app.operations.models import Operation
from app.operations.conditions import where_of
from app.search.queries import words
from app.security.actor import Actor, acting_as

# Ids that are ticked one by one, or taken out of a whole list; beyond that a filter says it better.
MOST_IDS = 1_000
# Of an address to come back to.
MOST_ON = 4_000
# What addresses are written with, the sign of what is encoded already included.
AS_IT_IS = "%=&+,;:!*'()@/?$-._~"


class OutOfReach(DomainError):
    """A row was named that the actor may not see."""


@dataclass(frozen=True)
class Selection:
    """Rows of the list of ``view``: those with ``ids``, or what ``on``, its address, shows.

    The command line says ``where`` instead: conditions, none of which is everything.
    """

    view: Any
    ids: tuple[int, ...] | None = None
    on: str = ""
    without: tuple[int, ...] = ()
    where: tuple[str, ...] | None = None

    @classmethod
    def from_form(cls, view: Any, form: Any) -> Selection:
        """Read what the bar of a list sends; a 400 when it makes no sense."""
        if form.get("all"):
            found = cls(view, None, form.get("on", ""), _ids(form.getlist("except")))
            found.state()
            return found
        return cls(view, _ids(form.getlist("rowid")), form.get("on", "")[:MOST_ON])

    @classmethod
    def of(cls, operation: Operation) -> Selection:
        """Return the selection of a draft."""
        kept = operation.selection
        view = view_called(kept["view"])
        if "ids" in kept:
            return cls(view, tuple(kept["ids"]), kept.get("on", ""))
        if "where" in kept:
            return cls(view, where=tuple(kept["where"]))
        return cls(view, None, kept["on"], tuple(kept["except"]))

    def as_json(self) -> dict[str, Any]:
        """Return the selection as an operation keeps it."""
        name = type(self.view).__name__
        if self.ids is not None:
            # Where they were ticked, to come back to; it narrows nothing.
            return {"view": name, "ids": list(self.ids), "on": self.on}
        if self.where is not None:
            return {"view": name, "where": list(self.where)}
        return {"view": name, "on": self.on, "except": list(self.without)}

    @property
    def back(self) -> str:
        """Return the address of the list the rows were picked from, as it was narrowed."""
        return list_address(self.view, self.on)

    @property
    def model(self) -> Any:
        """Return the model of the rows."""
        return self.view.datamodel.obj

    def state(self) -> ListState:
        """Return what the list's address asks for; BadFilter when it cannot be."""
        try:
            pairs = parse_qsl(self.on.removeprefix("?"), max_num_fields=60)
        except ValueError:
            raise BadFilter(_("These are too many filters at once.")) from None
        return read_state(self.view, MultiDict(pairs), {})

    @property
    def is_everything(self) -> bool:
        """Say whether nothing narrows the list down."""
        if self.ids is not None:
            return False
        if self.where is not None:
            return not self.where
        state = self.state()
        # What is typed may hold no word, and then finds everything.
        return not state.filters and not words(state.q)

    def rows(self, actor: Actor) -> Select:
        """Select the rows, within the actor's reach."""
        model = self.model
        with acting_as(actor):
            if self.ids is not None:
                return self.view.datamodel.visible().where(model.id.in_(self.ids))
            if self.where is not None:
                return self._where(self.where, actor)
            query = filtered(self.view, self.state())
        return query.where(model.id.not_in(self.without)) if self.without else query

    def _where(self, conditions: tuple[str, ...], actor: Actor) -> Select:
        if not conditions:
            return self.view.datamodel.visible()
        reader = where_of(self.model)
        if reader is None:
            raise DomainError(_("This list cannot be searched."))
        country = current_app.config["COUNTRY"]
        return reader.select(db.session(), conditions, actor, country)

    def check(self, actor: Actor) -> None:
        """Refuse the whole selection if a row that was named is not to be seen: OutOfReach."""
        if self.ids is None:
            return
        if not self.ids:
            raise DomainError(_("Tick the rows first."))
        found = self.rows(actor).with_only_columns(func.count(self.model.id))
        if db.session.scalar(found) != len(self.ids):
            raise OutOfReach(_("Some of this is not within your reach: nothing was changed."))

    def in_words(self) -> str:
        """Say for people what was selected."""
        if self.ids is not None:
            return ngettext("%(num)s ticked", "%(num)s ticked", len(self.ids))
        if self.where is not None:
            return " · ".join(self.where) or _("everything in the list")
        state = self.state()
        parts = [
            f"{self.view.label_of(a.filter.column_name)} {a.filter.name} {a.filter.show(a.value)}"
            for a in state.filters
        ]
        if state.q:
            parts.append(_("found by “%(words)s”", words=state.q))
        text = " · ".join(part.strip() for part in parts) or _("everything in the list")
        if self.without:
            text += " · " + ngettext(
                "without %(num)s that was unticked",
                "without %(num)s that were unticked",
                len(self.without),
            )
        return text


def view_called(name: str) -> Any:
    """Return the registered screen of a class name; a 404 when there is none any more."""
    for view in current_app.appbuilder.baseviews:  # type: ignore[attr-defined]
        if type(view).__name__ == name:
            return view
    abort(404)


def list_address(view: Any, on: str) -> str:
    """Return the address of a list as it was narrowed; ``on`` may be whatever a browser sends."""
    # What stands in it is written as it is, but for what no address may hold.
    asked = quote(on.removeprefix("?"), safe=AS_IT_IS, errors="replace")
    return f"{view.route_base}/list/?{asked}".rstrip("?")


def _ids(texts: list[str]) -> tuple[int, ...]:
    ids = {as_id(text) for text in texts}
    if None in ids:
        abort(400)
    if len(ids) > MOST_IDS:
        raise DomainError(
            _("These are too many to tick one by one: filter the list and take all that match.")
        )
    return tuple(sorted(number for number in ids if number is not None))


def as_mapping(pairs: Mapping[str, str]) -> str:
    """Return filters, as a program names them, as a list's address holds them."""
    return urlencode(list(pairs.items()))
