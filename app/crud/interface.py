"""Flask-AppBuilder's SQLAInterface, restricted to the actor's scope."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Any, Self

from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Column, ColumnElement, Select, and_, bindparam, inspect, select
from sqlalchemy.orm import Session, joinedload

from app.added_fields import AddedField, ComputedField, added_fields, computed_fields
from app.crud.filters import FilterConverter
from app.crud.prepared import prepared
from app.database import KEEPS_PLAN
from app.extensions import db
from app.fieldtypes import FieldType, get_field_type
from app.lines import Line
from app.repositories.models import Repository
from app.security.actor import current_actor
from app.security.scope import check_scope, not_trashed, scope_condition, visible
from app.trash.services import select_trashed


class ScopedInterface(SQLAInterface):
    """The rows of a model that the current actor may see.

    The scope is applied here, below every query of Flask-AppBuilder: its own base filters are
    not applied by actions, pickers, downloads and related lists.
    """

    filter_converter_class = FilterConverter
    # Whether the rows in the trash are selected, which the session hides by default.
    with_trash = False

    # Limits the rows further, for a list over a part of the table; see ``where``.
    condition: ColumnElement[bool] | None = None

    def __init__(self, obj: Any, session: Session | None = None) -> None:
        """Raise TypeError, at start, for a model that has no scope."""
        check_scope(obj)
        super().__init__(obj, session)
        self.computed: dict[str, type[ComputedField]] = computed_fields(obj)
        self.added: dict[str, type[AddedField]] = added_fields(obj)
        self._computed_columns = {name: field.column() for name, field in self.computed.items()}

    def reload(self) -> None:
        """Read the attributes of the model again: a room may have added fields since."""
        condition = self.condition
        self.__init__(self.obj)  # type: ignore[misc]
        self.condition = condition

    def where(self, condition: ColumnElement[bool]) -> Self:
        """Return an interface to those of these rows that meet a condition."""
        part = copy(self)
        part.condition = condition if self.condition is None else and_(self.condition, condition)
        return part

    @property
    def session(self) -> Session:
        """Return the session of the request."""
        return db.session()

    def visible(self) -> Select:
        """Select the rows the actor may see."""
        query = visible(self.obj, current_actor())
        if self.condition is not None:
            query = query.where(self.condition)
        if self.with_trash:
            query = query.where(self.obj.trashed_at.is_not(None))
            query = query.execution_options(with_trash=True)
        return query

    def get(self, id: Any, filters=None, select_columns=None, outer_default_load=False, linked=()):
        """Return a visible row by its id, or None; ``linked`` names relations read with it."""
        number = parse_id(id)
        if number is None:
            return None
        if filters is not None:
            query = filters.apply_all(self.visible().where(self.obj.id == number))
            return self.session.scalar(query)
        actor, key = current_actor(), (self.obj, self.with_trash, linked)
        query = (
            prepared(actor, key, lambda: self._select_one(linked))
            if self.condition is None
            else self._select_one(linked)
        )
        return self.session.scalars(query, {"row_id": number}).unique().one_or_none()

    def _select_one(self, linked: Iterable[str]) -> Select:
        """Select a visible row by its id; the statement itself hides the trash, once for all."""
        query = self.visible().where(self.obj.id == bindparam("row_id"))
        if not self.with_trash:
            query = query.where(not_trashed(self.obj)).execution_options(with_trash=True)
        query = query.options(*(joinedload(getattr(self.obj, name)) for name in linked))
        return query.execution_options(**KEEPS_PLAN)

    def links(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the relations among some attributes that ``get`` may read with a row.

        These are links to one row, and to values of a repository, of which a row has few. Rows
        that have a trash are left out: whether they are hidden depends on how they are read.
        """
        return tuple(
            name
            for name in dict.fromkeys(names)
            if name in self.list_properties
            and (self.is_relation_many_to_one(name) or self._has_values(name))
            and not hasattr(self.get_related_model(name), "trashed_at")
        )

    def _has_values(self, name: str) -> bool:
        return self.is_relation_many_to_many(name) and issubclass(
            self.get_related_model(name), Repository
        )

    def get_trashed(self, id: Any) -> Any:
        """Return a visible row of the trash by its id, or None."""
        number = parse_id(id)
        if number is None:
            return None
        conditions = [self.obj.id == number]
        if self.condition is not None:
            conditions.append(self.condition)
        return self.session.scalar(select_trashed(self.obj, current_actor(), *conditions))

    def get_lookup_model(self, name: str) -> Any:
        """Return the model of a relation, or of a link of the lines such as “lines.product”."""
        whole, _dot, part = name.partition(".")
        if not self.is_relation(whole):
            return None
        model = self.get_related_model(whole)
        if not issubclass(model, Line):
            return None if part else model
        relation = inspect(model).relationships.get(part) if part in model.fields else None
        return None if relation is None else relation.mapper.class_

    def get_related_interface(self, col_name: str) -> ScopedInterface:
        """Return the interface of a related model."""
        return ScopedInterface(self.get_related_model(col_name))

    def get_related_obj(self, col_name: str, value: Any) -> Any:
        """Return a visible row of a related model by its id, or None."""
        return self.get_related_interface(col_name).get(value)

    def apply_filters(self, query, filters):
        """Apply the scope wherever Flask-AppBuilder applies filters."""
        query = query.filter(scope_condition(self.obj, current_actor()))
        if self.condition is not None:
            query = query.filter(self.condition)
        return super().apply_filters(query, filters)

    def column(self, name: str) -> Column:
        """Return the column behind an attribute; that of a computed field is in no table."""
        if name in self.computed:
            return self._computed_columns[name]
        return self.list_properties[name].columns[0]

    def expression(self, name: str) -> Any:
        """Return the SQL expression of an attribute or a computed field, for the current actor."""
        if name in self.computed:
            return self.computed[name].expression(self.obj, current_actor())
        return getattr(self.obj, name)

    def compute(self, row: Any, names: list[str]) -> dict[str, Any]:
        """Return the values of some computed fields of a row, read with one statement."""
        if not names:
            return {}
        expressions = [self.expression(name).label(name) for name in names]
        query = select(*expressions).select_from(self.obj).where(self.obj.id == row.id)
        return dict(
            self.session.execute(query, execution_options={"with_trash": True}).one()._mapping
        )

    def field_type(self, name: str) -> FieldType:
        """Return the field type of a column attribute."""
        return get_field_type(self.column(name))

    def get_info(self, name: str) -> dict[str, Any]:
        """Return the ``info`` of a column or relation: label, kind, choices."""
        if name in self.computed:
            return self._computed_columns[name].info
        if name not in self.list_properties:
            return {}
        prop = self.list_properties[name]
        return prop.info if self.is_relation(name) else prop.columns[0].info

    def is_tree(self, name: str) -> bool:
        """Return True for a many-to-one relation to a tree."""
        return self.is_relation_many_to_one(name) and hasattr(self.get_related_model(name), "path")


def parse_id(value: Any) -> int | None:
    """Parse a row id from an address or a form; None if it is not a 32-bit positive integer."""
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > 2**31 - 1:
        return None
    return int(text)


class TrashInterface(ScopedInterface):
    """The rows of a model that are in the trash and in the actor's scope."""

    with_trash = True
