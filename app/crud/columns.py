"""Columns of a list: what to select for each, and the cell it becomes.

Rows are read as plain tuples, linked rows joined in, so that a page takes two statements
however many columns it shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flask_babel import gettext as _
from sqlalchemy import Select, and_, select
from sqlalchemy.orm import aliased

from app.crud.interface import Interface
from app.extensions import db
from app.i18n.labels import label_in_sql
from app.fieldtypes import Kind
from app.repositories.models import Repository
from app.security.actor import Actor


class Cell(NamedTuple):
    """What a template draws: a shape, and what goes in it.

    Shapes: title, text, email, phone, url, chip, chips, link, none.
    """

    shape: str
    text: str = ""
    extra: Any = None


NOTHING = Cell("none")


class ListColumn:
    """One column of a list."""

    shape = "text"

    def __init__(self, datamodel: Interface, name: str, label: Any) -> None:
        self.datamodel = datamodel
        self.name = name
        self.label = label

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        """Return the query, joined where needed, and the expressions this column reads."""
        return query, [getattr(self.datamodel.obj, self.name)]

    def cell(self, values: tuple) -> Cell:
        """Return the cell for the values that ``select`` asked for."""
        raise NotImplementedError


class Plain(ListColumn):
    """An attribute of the row itself."""

    def __init__(self, datamodel: Interface, name: str, label: Any) -> None:
        super().__init__(datamodel, name, label)
        self.kind: Kind = datamodel.kind(name)
        self.shape = self.kind.name if self.kind.name in ("email", "phone", "url") else "text"

    def cell(self, values: tuple) -> Cell:
        value = values[0]
        if value is None or value == "":
            return NOTHING
        if self.kind.name == "colour":
            return Cell("chip", self.kind.show(value), value)
        return Cell(self.shape, self.kind.show(value), value)


class Title(ListColumn):
    """The name of the row, which leads to its file; made of several attributes."""

    shape = "title"

    def __init__(
        self, datamodel: Interface, name: str, label: Any, parts: tuple[str, ...]
    ) -> None:
        super().__init__(datamodel, name, label)
        self.parts = parts

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, [getattr(self.datamodel.obj, part) for part in self.parts]

    def cell(self, values: tuple) -> Cell:
        filled = [str(value) for value in values if value]
        return Cell("title", " ".join(filled), initials(filled))


class Joined(ListColumn):
    """A row that this one links to, joined in."""

    def __init__(self, datamodel: Interface, name: str, label: Any) -> None:
        super().__init__(datamodel, name, label)
        relation = datamodel.list_properties[name]
        model = datamodel.obj
        key = model.__mapper__.get_property_by_column(next(iter(relation.local_columns))).key
        # Made once: an alias costs more than the rest of the query.
        self.target: Any = aliased(relation.mapper.class_)
        self.condition = getattr(model, key) == self.target.id
        self.is_scoped = hasattr(relation.mapper.class_, "scope")

    def join(self, query: Select, actor: Actor) -> Select:
        """Join the linked row, unless it is out of the actor's sight."""
        condition = self.condition
        if self.is_scoped and actor.entity_ids is not None:
            # SQLAlchemy lends the alias the class method, so the scope speaks of the alias.
            condition = and_(condition, self.target.scope(actor))
        return query.outerjoin(self.target, condition)


class Chip(Joined):
    """A value of a repository."""

    shape = "chip"

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return self.join(query, actor), [label_in_sql(self.target), self.target.colour]

    def cell(self, values: tuple) -> Cell:
        return NOTHING if values[0] is None else Cell("chip", values[0], values[1])


class Link(Joined):
    """Another row, by name; out of the actor's sight it is left blank."""

    shape = "link"

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        model = self.datamodel.get_related_model(self.name)
        parts = [getattr(self.target, part) for part in name_parts(model)]
        return self.join(query, actor), [self.target.id, *parts]

    def cell(self, values: tuple) -> Cell:
        if values[0] is None:
            return NOTHING
        return Cell("link", " ".join(str(part) for part in values[1:] if part), values[0])


class Chips(ListColumn):
    """Many values of a repository; read for the whole page at once."""

    shape = "chips"

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, []

    def load(self, ids: list[int]) -> dict[int, list[tuple[str, str]]]:
        """Return the (label, colour) pairs of each row."""
        relation = self.datamodel.list_properties[self.name]
        target = relation.mapper.class_.__table__.c
        near = relation.secondary.c[relation.synchronize_pairs[0][1].name]
        far = relation.secondary.c[relation.secondary_synchronize_pairs[0][1].name]
        found: dict[int, list[tuple[str, str]]] = {}
        # Plain tables: of repositories nothing is hidden, and it costs half as much.
        rows = db.session.connection().execute(
            select(near, label_in_sql(target), target.colour)
            .join_from(relation.secondary, target.id.table, far == target.id)
            .where(near.in_(ids))
            .order_by(target.position, target.id)
        )
        for row_id, label, colour in rows:
            found.setdefault(row_id, []).append((label, colour))
        return found

    def cell(self, values: tuple) -> Cell:
        return Cell("chips", extra=values[0]) if values and values[0] else NOTHING


class Completeness(ListColumn):
    """Whether a repository value has a label in both languages."""

    shape = "chip"

    def select(self, query: Select, actor: Actor) -> tuple[Select, list[Any]]:
        return query, [self.datamodel.obj.label_en, self.datamodel.obj.label_es]

    def cell(self, values: tuple) -> Cell:
        if all(values):
            return Cell("chip", _("Complete"), "green")
        missing = _("Spanish is missing") if values[0] else _("English is missing")
        return Cell("chip", missing, "amber")


def name_parts(model: type) -> tuple[str, ...]:
    """Return the attributes that make up the name of a model's rows."""
    return getattr(model, "name_parts", ("name",))


def initials(parts: list[str]) -> str:
    """Return one or two letters to stand for a name: those of the first and last part."""
    words = [word for part in (parts[:1] + parts[-1:]) for word in part.split()[:1]]
    letters = [
        word[0].upper() for word in (words if len(parts) > 1 else " ".join(parts).split()[:2])
    ]
    return "".join(letters)


def make_column(
    datamodel: Interface, name: str, label: Any, title_parts: tuple[str, ...]
) -> ListColumn:
    """Return the column for an attribute, by what the attribute is."""
    if name == "name" and title_parts:
        return Title(datamodel, name, label, title_parts)
    if name == "languages":
        return Completeness(datamodel, name, label)
    if datamodel.is_relation_many_to_many(name):
        return Chips(datamodel, name, label)
    if datamodel.is_relation(name):
        target = datamodel.get_related_model(name)
        kind = Chip if issubclass(target, Repository) else Link
        return kind(datamodel, name, label)
    return Plain(datamodel, name, label)


@dataclass
class Plan:
    """What to select for the columns of a page, and how to turn rows into cells."""

    columns: list[ListColumn]
    expressions: list[Any] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)

    def apply(self, query: Select, actor: Actor) -> Select:
        """Add every column's joins and expressions; the query already selects two of its own."""
        place = 2
        self.expressions, self.spans = [], []
        for column in self.columns:
            query, expressions = column.select(query, actor)
            self.expressions += expressions
            self.spans.append((place, place + len(expressions)))
            place += len(expressions)
        return query.add_columns(*self.expressions)

    def cells(self, rows: list[Any]) -> list[tuple[int, list[Cell]]]:
        """Return (id, cells) of each row."""
        many = {
            index: column.load([row[0] for row in rows])
            for index, column in enumerate(self.columns)
            if isinstance(column, Chips) and rows
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
