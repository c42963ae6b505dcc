"""Columns of a list: the expressions each selects and the cell it renders.

Rows are read as plain tuples and related rows are joined, so that a page takes two statements
however many columns it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _l
from sqlalchemy import JSON, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from app.bulk import has_given_id
from app.crud.columnvalues import is_indexed, is_stored_in_order, list_values
from app.crud.interface import ScopedInterface
from app.crud.prepared import prepared
from app.crud.sorting import GroupSort, KeySort, Sort
from app.database import KEEPS_PLAN
from app.extensions import db
from app.fieldtypes import FieldType
from app.i18n.labels import label_expression
from app.repositories.models import Repository
from app.security.actor import Actor
from app.security.scope import scope_condition, sees_all, visible
from app.text import sort_key


class Cell(NamedTuple):
    """What a template renders: a shape, its text and extra data.

    Shapes: title, text, email, phone, url, chip, chips, link, none.
    """

    shape: str
    text: str = ""
    extra: Any = None


EMPTY_CELL = Cell("none")


class ListColumn:
    """One column of a list, over one attribute of the model."""

    shape = "text"

    def __init__(self, datamodel: ScopedInterface, name: str, label: Any) -> None:
        self.datamodel = datamodel
        self.name = name
        self.label = label

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        """Return the query with the joins this column needs, and the expressions to select."""
        return query, [self.datamodel.expression(self.name)]

    # Set by a column that loads the values of the whole page at once, by the ids of its rows.
    load: Callable[[list[int]], dict[int, Any]] | None = None

    def cell(self, values: tuple) -> Any:
        """Return the cell for the values of the selected expressions, or for the loaded value."""
        raise NotImplementedError

    # Says why a list cannot be sorted by the column; not used if ``sort`` returns something.
    why_not_sorted: Any = _l("This column can’t be sorted.")

    # Says why a list cannot be filtered by the column; not used if its attribute has filters.
    why_not_filtered: Any = _l("It is not stored, but put together for the list.")

    def sort(self) -> Sort | None:
        """Return how a list is sorted by this column, or None if it cannot be."""
        return None

    def sort_by_text(self, expression: Callable[[], Any], show: Callable[[Any], str]) -> GroupSort:
        """Return a sort of the values of an expression by the text they are shown as."""

        def keys(values: Sequence[Any], _actor: Actor) -> dict[Any, str]:
            return {value: sort_key(show(value)) for value in values if value is not None}

        return GroupSort(expression, str, keys)


class AttributeColumn(ListColumn):
    """A column attribute of the model itself."""

    def __init__(self, datamodel: ScopedInterface, name: str, label: Any) -> None:
        super().__init__(datamodel, name, label)
        self.field_type: FieldType = datamodel.field_type(name)
        self.shape = self.field_type.shape
        added = datamodel.added.get(name)
        if added and added.why_not_filtered:
            self.why_not_filtered = added.why_not_filtered
        if reason := (added and added.why_not_sorted) or self.field_type.why_not_sorted:
            self.why_not_sorted = reason
            self.is_sortable = False
        else:
            self.is_sortable = not isinstance(datamodel.column(name).type, JSON)

    def cell(self, values: tuple) -> Cell:
        value = values[0]
        if value is None or value == "":
            return EMPTY_CELL
        return Cell(self.shape, self.field_type.show(value), self.field_type.cell_extra(value))

    def sort(self) -> Sort | None:
        if not self.is_sortable:
            return None
        column = self.datamodel.column(self.name)
        if is_stored_in_order(column):
            return key_sort(self.datamodel, self.name)
        choices = list(self.datamodel.get_info(self.name).get("choices", ()))
        sort = self.sort_by_text(self._expression, self.field_type.show)
        if 0 < len(choices) < 6:
            return replace(sort, candidates=lambda: choices)
        # The indexes hold the rows that are not in the trash.
        if self.datamodel.with_trash or not is_indexed(column):
            return sort
        return replace(sort, candidates=lambda: list_values(db.session(), column))

    def _expression(self) -> Any:
        return self.datamodel.expression(self.name)


class FirstColumn(AttributeColumn):
    """A column of the model that comes first in a list, linked to the page of the row."""

    def __init__(self, datamodel: ScopedInterface, name: str, label: Any) -> None:
        super().__init__(datamodel, name, label)
        self.shape = "title"

    def cell(self, values: tuple) -> Cell:
        shown = self.field_type.show(values[0]) if values[0] not in (None, "") else ""
        return Cell("title", shown, initials([shown] if shown else []))


class TitleColumn(ListColumn):
    """The name of the row, joined from several attributes, linked to its show page."""

    shape = "title"
    why_not_filtered = _l("Search for a name, or filter by its parts.")

    def __init__(
        self, datamodel: ScopedInterface, name: str, label: Any, parts: tuple[str, ...]
    ) -> None:
        super().__init__(datamodel, name, label)
        self.parts = parts

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, [getattr(self.datamodel.obj, part) for part in self.parts]

    def cell(self, values: tuple) -> Cell:
        filled = [str(value) for value in values if value]
        return Cell("title", " ".join(filled), initials(filled))

    def sort(self) -> Sort | None:
        return self.sort_by_text(self._sorted_text, str)

    def _sorted_text(self) -> Any:
        """Return the expression of the name, the surname first."""
        last, *rest = (getattr(self.datamodel.obj, part) for part in reversed(self.parts))
        text = last
        for part in rest:
            text = func.coalesce(text, "").concat(" ").concat(func.coalesce(part, ""))
        return text


class JoinedColumn(ListColumn):
    """A many-to-one relation, read by an outer join."""

    def __init__(self, datamodel: ScopedInterface, name: str, label: Any) -> None:
        super().__init__(datamodel, name, label)
        relation = datamodel.list_properties[name]
        model = datamodel.obj
        key = model.__mapper__.get_property_by_column(next(iter(relation.local_columns))).key
        # Create the alias once: it costs more than the rest of the query.
        self.target: Any = aliased(relation.mapper.class_)
        self.condition = getattr(model, key) == self.target.id

    def join(self, query: Select, actor: Actor) -> Select:
        """Join the related row if it is in the actor's scope."""
        condition = self.condition
        if not sees_all(self.target, actor):
            # Called on the alias, the class method builds its condition over the alias.
            condition = and_(condition, scope_condition(self.target, actor))
        return query.outerjoin(self.target, condition)

    def sort(self) -> Sort | None:
        relation = self.datamodel.list_properties[self.name]
        key: Any = next(iter(relation.local_columns))
        attribute = getattr(
            self.datamodel.obj, self.datamodel.obj.__mapper__.get_property_by_column(key).key
        )
        if hasattr(self.target, "sort_name"):
            target = self.target.sort_name
            return KeySort(
                lambda: target, str, nullable=True, join=self.join, link=attribute,
                unlinked=lambda actor: or_(attribute.is_(None), ~self._has_target(attribute, actor)),
            )  # fmt: skip
        return GroupSort(
            lambda: attribute, int, self._sort_keys, self._candidates if is_indexed(key) else None
        )

    def _has_target(self, key: Any, actor: Actor) -> Any:
        """Return the condition that the related row exists, in the actor's scope.

        The outer join says the same, but makes PostgreSQL read both tables.
        """
        target: Any = aliased(self.datamodel.get_related_model(self.name))
        query = select(target.id).where(target.id == key)
        if not sees_all(target, actor):
            query = query.where(scope_condition(target, actor))
        return query.exists()

    def _sort_keys(self, _values: Sequence[Any], actor: Actor) -> dict[int, str]:
        """Return the sort key of every related row the actor may see: they are few."""
        target = self.datamodel.get_related_model(self.name)
        parts = (
            [label_expression(target)]
            if issubclass(target, Repository)
            else [getattr(target, part) for part in name_parts(target)]
        )
        query = visible(target, actor).with_only_columns(target.id, *parts)
        return {
            row[0]: sort_key(" ".join(str(part) for part in row[1:] if part))
            for row in db.session.execute(query)
        }

    def _candidates(self) -> list[int]:
        target = self.datamodel.get_related_model(self.name)
        return list(db.session.scalars(select(target.id)))


class ChipColumn(JoinedColumn):
    """One value of a repository, as a coloured chip."""

    shape = "chip"

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return self.join(query, actor), [label_expression(self.target), self.target.colour]

    def cell(self, values: tuple) -> Cell:
        if values[0] is None:
            return EMPTY_CELL
        target = self.datamodel.get_related_model(self.name)
        return Cell("chip" if target.shows_colour else "text", values[0], values[1])


class LinkColumn(JoinedColumn):
    """A related row by its name; blank if it is out of the actor's scope."""

    shape = "link"

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        model = self.datamodel.get_related_model(self.name)
        parts = [getattr(self.target, part) for part in name_parts(model)]
        return self.join(query, actor), [self.target.id, *parts]

    def cell(self, values: tuple) -> Cell:
        if values[0] is None:
            return EMPTY_CELL
        return Cell("link", " ".join(str(part) for part in values[1:] if part), values[0])


class ChipsColumn(ListColumn):
    """Many-to-many values of a repository, loaded for the whole page in one statement."""

    shape = "chips"
    why_not_sorted = _l("This column can have several values at once, so it can’t be sorted.")

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, []

    def load(self, ids: list[int]) -> dict[int, list[tuple[str, str]]]:
        """Return the (label, colour) pairs of each row."""
        chips_by_row: dict[int, list[tuple[str, str]]] = {}
        # Plain tables cost half as much; repositories have no scope to apply.
        query = prepared(None, (self,), self._select_chips)
        for row_id, label, colour in db.session.connection().execute(query, {"ids": ids}):
            chips_by_row.setdefault(row_id, []).append((label, colour))
        return chips_by_row

    def _select_chips(self) -> Select:
        relation = self.datamodel.list_properties[self.name]
        target = relation.mapper.class_.__table__.c
        near = relation.secondary.c[relation.synchronize_pairs[0][1].name]
        far = relation.secondary.c[relation.secondary_synchronize_pairs[0][1].name]
        return (
            select(near, label_expression(target), target.colour)
            .join_from(relation.secondary, target.id.table, far == target.id)
            .where(has_given_id(db.engine.dialect, near, "ids"))
            .order_by(target.position, target.id)
            .execution_options(**KEEPS_PLAN)
        )

    def cell(self, values: tuple) -> Cell:
        return Cell("chips", extra=values[0]) if values and values[0] else EMPTY_CELL


def key_sort(datamodel: ScopedInterface, name: str) -> KeySort:
    """Return the sort by a column attribute or a computed field.

    No index has ``updated_at``: each change of a row would be one of the index, too.
    """
    column = datamodel.column(name)
    is_computed = name in datamodel.computed
    return KeySort(
        lambda: datamodel.expression(name), column.type.python_type, bool(column.nullable),
        is_scan=is_computed or name == "updated_at",
    )  # fmt: skip


def name_parts(model: type) -> tuple[str, ...]:
    """Return the names of the attributes that make up the name of a row."""
    return getattr(model, "name_parts", ("name",))


def initials(parts: list[str]) -> str:
    """Return the initials of the first and the last part of a name: one or two letters."""
    words = [word for part in (parts[:1] + parts[-1:]) for word in part.split()[:1]]
    letters = [
        word[0].upper() for word in (words if len(parts) > 1 else " ".join(parts).split()[:2])
    ]
    return "".join(letters)


def make_column(
    datamodel: ScopedInterface,
    name: str,
    label: Any,
    title_parts: tuple[str, ...],
    column_types: Mapping[str, type[ListColumn]] | None = None,
) -> ListColumn:
    """Return the list column that suits an attribute, or the one of a type given for its name."""
    if column_types and name in column_types:
        return column_types[name](datamodel, name, label)
    if name == "name" and title_parts:
        return TitleColumn(datamodel, name, label, title_parts)
    if datamodel.is_relation_many_to_many(name):
        return ChipsColumn(datamodel, name, label)
    if datamodel.is_relation(name):
        target = datamodel.get_related_model(name)
        column = ChipColumn if issubclass(target, Repository) else LinkColumn
        return column(datamodel, name, label)
    return AttributeColumn(datamodel, name, label)


@dataclass
class ColumnPlan:
    """The expressions to select for the columns of a page, and where each stands in a row."""

    columns: list[ListColumn]
    expressions: list[Any] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)

    def apply(self, query: Select, actor: Actor) -> Select:
        """Add every column's joins and expressions to a query that selects (id, sort value)."""
        place = 2
        self.expressions, self.spans = [], []
        for column in self.columns:
            query, expressions = column.select(query, actor)
            self.expressions += expressions
            self.spans.append((place, place + len(expressions)))
            place += len(expressions)
        return query.add_columns(*self.expressions)

    def cells(self, rows: list[Any]) -> list[tuple[int, list[Cell]]]:
        """Return (id, cells) of each selected row."""
        many = {
            index: column.load([row[0] for row in rows])
            for index, column in enumerate(self.columns)
            if column.load is not None and rows
        }
        pages = []
        for row in rows:
            cells = []
            for index, (column, (start, end)) in enumerate(
                zip(self.columns, self.spans, strict=True)
            ):
                values = (many[index].get(row[0]),) if index in many else row[start:end]
                cells.append(column.cell(values))
            pages.append((row[0], cells))
        return pages
