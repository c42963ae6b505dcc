"""Lines: rows that belong to one row of another model and are edited in its form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import Column, ColumnElement, inspect, select
from sqlalchemy.orm import (
    Mapped,
    RelationshipDirection,
    backref,
    mapped_column,
    object_session,
    relationship,
    selectinload,
)

from app.security.scope import scope_condition

# The most lines that a row can have.
MAX_LINES = 200


class Line:
    """Mixin of a line, such as one of a quote. The owner declares it by ``lines_of``.

    ``fields`` names the columns and many-to-one relations that the owner's form edits, in order.
    A line has no version, log, trash or scope of its own: those of its owner hold. It needs a
    foreign key to the owner with ``ondelete="CASCADE"`` and an index.
    """

    fields: ClassVar[tuple[str, ...]]
    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(default=0)

    @classmethod
    def scope(cls, actor: Any) -> ColumnElement[bool]:
        """Return the condition that the actor may see the owner."""
        relation = inspect(cls).relationships["owner"]
        owner: Any = relation.mapper.class_
        (key,) = relation.local_columns
        return key.in_(select(owner.id).where(scope_condition(owner, actor)))

    # An owner without these shows a contact or a visitor no row, and so no line.
    portal_scope = scope
    visitor_scope = scope


def lines_of(name: str, label: Any) -> Any:
    """Return the relation of an owner to its lines, of the model of that name, in their order.

    A line reaches its owner as ``line.owner``.
    """
    return relationship(
        name,
        order_by=f"[{name}.position, {name}.id]",
        cascade="all, delete-orphan",
        passive_deletes=True,
        backref=backref("owner"),
        info={"label": label},
    )


@lru_cache(maxsize=128)
def line_relations(model: type) -> dict[str, Any]:
    """Return the models of the lines of a model by the name of the relation."""
    relations: Any = inspect(model).relationships
    return {
        relation.key: relation.mapper.class_
        for relation in relations
        if relation.direction is RelationshipDirection.ONETOMANY
        and issubclass(relation.mapper.class_, Line)
    }


def line_column(model: Any, name: str) -> Column:
    """Return the column of a field of a line; of a link, its foreign key."""
    mapper = inspect(model)
    if name in mapper.relationships:
        (column,) = mapper.relationships[name].local_columns
        return column
    return mapper.column_attrs[name].columns[0]


def line_key(model: Any, name: str) -> str:
    """Return the column attribute of a field of a line; of a link, that of its foreign key."""
    return inspect(model).get_property_by_column(line_column(model, name)).key


def load_links(lines: Sequence[Any]) -> None:
    """Load the rows that stored lines link to, with one statement for each link, not each line."""
    session = object_session(lines[0]) if lines else None
    if session is None:
        return
    model: Any = type(lines[0])
    links = [getattr(model, name) for name in model.fields if name in inspect(model).relationships]
    if links:
        query = select(model).where(model.id.in_([line.id for line in lines]))
        session.scalars(query.options(*map(selectinload, links))).all()
