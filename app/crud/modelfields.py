"""Form fields that choose rows of a model: one of them, or any number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from flask_babel import gettext as _
from wtforms import Field
from wtforms.validators import StopValidation, ValidationError

from app.crud.fields import REQUIRED
from app.crud.interface import parse_id
from app.crud.lookup import MAX_LOOKUP_ROWS, get_add_view, lookup_rows, may_name
from app.crud.quicksearch import lookup_results
from app.crud.widgets import OptionWidget
from app.extensions import db
from app.repositories.models import Repository
from app.repositories.queries import Value, are_labels_open, offered_values
from app.security.actor import current_actor
from app.security.scope import is_surely_visible, visible
from app.text import clean


class SharedRows:
    """The rows that the same field of several lines chooses from, loaded for all of them at once."""

    def __init__(self) -> None:
        self._fields: list[_ModelField] = []
        self._asked: set[int] = set()
        self._visible: dict[int, Any] = {}
        self._all: list[Any] | None = None

    def add(self, field: _ModelField) -> None:
        """Let the field of one more line use these rows."""
        self._fields.append(field)
        field.shared = self

    def visible(self, model: Any, ids: set[int]) -> list[Any]:
        """Return those of the rows that are in the actor's scope."""
        if not ids <= self._asked:
            linked = {row.id for field in self._fields for row in field.linked_rows}
            self._asked = ids.union(linked, *(field.chosen_ids() for field in self._fields))
            query = visible(model, current_actor()).where(model.id.in_(self._asked))
            self._visible = {row.id: row for row in db.session.scalars(query)}
        return [self._visible[number] for number in sorted(ids) if number in self._visible]

    def all(self, query: Any) -> list[Any]:
        """Return the rows of a query that is the same for every line."""
        if self._all is None:
            self._all = list(db.session.scalars(query))
        return self._all


class _ModelField(Field):
    """Base of the fields that choose rows of a model within the actor's scope.

    ``lookup`` is the address that options are fetched from while typing; without it all rows
    are options in the page.
    """

    def __init__(
        self, label: Any, *, model: Any, required: bool = False, lookup: str = "", **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.form_ = kwargs.get("_form")
        self.model = model
        self.lookup_url = lookup
        # The linked rows before the form was sent.
        self.linked_rows: list[Any] = []
        # What the fields of the other lines load together with this one.
        self.shared: SharedRows | None = None
        self._visible_cache: tuple[set[int], list[Any]] | None = None
        # Without JavaScript: the text searched for by a button; its results join the options.
        self.lookup_text: str | None = None
        self.lookup_results: Sequence[Any] = ()
        if required:
            self.flags.required = True

    def process(self, formdata: Any, *args: Any, **kwargs: Any) -> None:
        """Read the chosen ids; if the form was sent by the search button, look up rows instead."""
        super().process(formdata, *args, **kwargs)
        if not formdata or self.is_inline:
            return
        self.lookup_text = formdata.get(f"{self.name}_find", "")
        is_new = self.lookup_text != formdata.get(f"{self.name}_found", "")
        if is_new or formdata.get("_find") == self.name:
            self.lookup_results = lookup_rows(
                self.model, clean(self.lookup_text)[:100], MAX_LOOKUP_ROWS
            )
            self.is_lookup = True

    # Whether the form was sent to search in this field, not to be saved.
    is_lookup = False

    def _report_lookup(self) -> None:
        if not self.is_lookup:
            return
        if not self.lookup_results:
            raise StopValidation(_("No results found. Try part of the name."))
        if len(self.lookup_results) == MAX_LOOKUP_ROWS:
            raise StopValidation(
                _(
                    "Showing the first %(num)s. Choose one or refine your search.",
                    num=MAX_LOOKUP_ROWS,
                )
            )
        raise StopValidation(_("Choose one of the results in the list, then save."))

    @property
    def is_inline(self) -> bool:
        """Return True if all options are in the page, False if they are fetched while typing."""
        return not self.lookup_url

    @property
    def lookup(self) -> str | None:
        """Return the address that options are fetched from, or None."""
        return self.lookup_url or None

    @cached_property
    def add_view(self) -> Any:
        """Return the view that creates rows of the model, for “New…” in a picker, or None."""
        return get_add_view(self.model)

    def rows(self) -> list[Any]:
        """Return the active rows and the chosen ones."""
        query = visible(self.model, current_actor())
        if issubclass(self.model, Repository):
            query = query.order_by(self.model.position, self.model.id)
        else:
            query = query.order_by(self.model.id)
        chosen = self.chosen_ids()
        return [
            row
            for row in self._every(query)
            if getattr(row, "is_active", True) or row.id in chosen
        ]

    def _every(self, query: Any) -> Sequence[Any]:
        return self.shared.all(query) if self.shared else db.session.scalars(query).all()

    @property
    def offers_values(self) -> bool:
        """Return True for the values of a repository by their label, all open to the user."""
        return are_labels_open(self.model, current_actor())

    def _values(self) -> list[Value]:
        """Return the values of the repository, read with those of the form's other fields."""
        form: Any = self.form_
        read = vars(form).setdefault("values_offered", {})
        if self.model not in read:
            fields = (field for field in form if isinstance(field, _ModelField))
            models = dict.fromkeys(f.model for f in fields if f.is_inline and f.offers_values)
            read |= offered_values(db.session(), tuple(models | {self.model: None}))
        return read[self.model]

    def chosen_ids(self) -> set[int]:
        """Return the ids of what is chosen."""
        raise NotImplementedError

    def chosen_rows(self) -> list[Any]:
        """Return the chosen rows that are in the actor's scope."""
        return self._load_visible(self.chosen_ids())

    def _load_visible(self, ids: set[int]) -> list[Any]:
        if not ids or not may_name(self.model):
            return []
        linked = {row.id: row for row in self.linked_rows}
        if ids <= linked.keys():
            rows, actor = [linked[number] for number in sorted(ids)], current_actor()
            if all(is_surely_visible(row, actor) for row in rows):
                return rows
        if self.shared is not None:
            return self.shared.visible(self.model, ids)
        if self._visible_cache is None or self._visible_cache[0] != ids:
            query = visible(self.model, current_actor()).where(self.model.id.in_(ids))
            self._visible_cache = ids, list(db.session.scalars(query))
        return self._visible_cache[1]

    @property
    def _is_unscoped(self) -> bool:
        """Return True if no row of the model is ever hidden from the user."""
        return current_actor().is_staff and not hasattr(self.model, "scope")

    def visible_rows(self, rows: list[Any]) -> list[Any]:
        """Return those of the rows that are in the actor's scope."""
        if self._is_unscoped:
            return rows
        seen = self._load_visible({row.id for row in rows})
        return [row for row in rows if row in seen]

    def hidden_rows(self) -> list[Any]:
        """Return the linked rows out of the actor's scope; saving the form keeps them."""
        if not self.linked_rows or self._is_unscoped:
            return []
        seen = self._load_visible({row.id for row in self.linked_rows})
        return [row for row in self.linked_rows if row not in seen]

    def options(self) -> list[tuple[Any, str, bool]]:
        """Return (id, label, chosen)."""
        chosen = self.chosen_ids()
        if self.is_inline and self.offers_values and self.shared is None:
            return [
                (value.id, value.label, value.id in chosen)
                for value in self._values()
                if value.is_active or value.id in chosen
            ]
        rows = self.rows() if self.is_inline else self.chosen_rows()
        found = [row for row in self.lookup_results if row.id not in chosen]
        return [
            *((row.id, str(row), row.id in chosen) for row in rows),
            *((row_id, label, False) for row_id, label in _distinct_labels(self.model, found)),
        ]


class ModelChoiceField(_ModelField):
    """A many-to-one relation; ``data`` is the row or None."""

    widget = OptionWidget()

    def process_data(self, value: Any) -> None:
        self.data = value
        self.linked_rows = [] if value is None else [value]
        self.typed: str | None = None

    @property
    def blank(self) -> str:
        """Return the label of the empty option, which keeps a link to a row out of scope."""
        return _("Hidden (no access)") if self.hidden_rows() else "—"

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.typed = valuelist[0].strip()

    def chosen_ids(self) -> set[int]:
        if self.typed is not None:
            return {number} if (number := parse_id(self.typed)) is not None else set()
        return set() if self.data is None else {self.data.id}

    def pre_validate(self, form: Any) -> None:
        self._report_lookup()
        if self.typed:
            rows = self.chosen_rows()
            if not rows:
                raise ValidationError(_("This option is not available."))
            self.data = rows[0]
        elif self.typed is not None:
            self.data = next(iter(self.hidden_rows()), None)
        if self.data is None and self.flags.required:
            raise ValidationError(str(REQUIRED))


class ModelMultipleChoiceField(_ModelField):
    """A many-to-many relation; ``data`` is the list of rows."""

    widget = OptionWidget(multiple=True)

    def process_data(self, value: Any) -> None:
        self.data = list(value or ())
        self.linked_rows = self.data
        self.typed_ids: list[str] | None = None

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.typed_ids = [value for value in valuelist if value]

    def chosen_ids(self) -> set[int]:
        if self.typed_ids is not None:
            return {n for value in self.typed_ids[:500] if (n := parse_id(value)) is not None}
        return {row.id for row in self.data}

    def pre_validate(self, form: Any) -> None:
        self._report_lookup()
        if self.typed_ids is not None:
            rows = self.chosen_rows()
            if len(rows) != len(set(self.typed_ids)):
                raise ValidationError(_("This option is not available."))
            self.data = [*rows, *self.hidden_rows()]
        if self.flags.required and not self.data:
            raise ValidationError(str(REQUIRED))


def _distinct_labels(model: Any, rows: Sequence[Any]) -> list[tuple[int, str]]:
    """Return (id, label) of rows; the labels of namesakes say what tells them apart."""
    names = Counter(str(row) for row in rows)
    if len(names) == len(rows):
        return [(row.id, str(row)) for row in rows]
    return [
        (
            hit["id"],
            f"{hit['label']} ({hit['hint']})"
            if names[hit["label"]] > 1 and hit["hint"]
            else hit["label"],
        )
        for hit in lookup_results(model, rows)
    ]
