"""List filters on relations: many-to-one, trees, many-to-many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, not_, or_, select, true
from sqlalchemy.orm import aliased

from app.crud.filterbase import MAX_VALUES, Filter, InvalidFilter, NoValueFilter
from app.extensions import db
from app.repositories.queries import Value, are_labels_open, offered_values
from app.security.actor import current_actor
from app.security.scope import not_trashed, scope_condition, sees_all, visible
from app.text import clean


def link_condition(datamodel: Any, name: str, row_id: int) -> ColumnElement[bool]:
    """Return the condition that a relation of a model leads to a row, by its id."""
    if datamodel.is_relation_many_to_many(name):
        return datamodel.obj.id.in_(HasAnyOf(name, datamodel).linked([row_id]))
    return IsRelated(name, datamodel).key == row_id


def show_values(filters: Sequence[tuple[Filter, Any]]) -> list[str]:
    """Return what each (filter, value) is set to; values of repositories are read together."""
    actor = current_actor()
    models = dict.fromkeys(
        filter_.target
        for filter_, _value in filters
        if isinstance(filter_, _RelationFilter)
        and not isinstance(filter_, NoValueFilter)
        and are_labels_open(filter_.target, actor)
    )
    offered = offered_values(db.session(), tuple(models)) if models else {}
    return [
        filter_.show_some(offered[filter_.target], value)
        if isinstance(filter_, _RelationFilter) and filter_.target in offered
        else filter_.show(value)
        for filter_, value in filters
    ]


class _RelationFilter(Filter):
    asks = "pick"

    @property
    def target(self):
        """Return the related model."""
        return self.datamodel.get_related_model(self.column_name)

    @property
    def key(self):
        """Return the foreign key attribute of a many-to-one relation."""
        column = next(iter(self.datamodel.list_properties[self.column_name].local_columns))
        return getattr(self.model, self.model.__mapper__.get_property_by_column(column).key)

    def read(self, raw):
        parts = raw.split(",")
        if len(parts) > MAX_VALUES or not all(
            part.isascii() and part.isdigit() and len(part) < 10 for part in parts
        ):
            raise InvalidFilter(_("“%(value)s” is not a valid option.", value=clean(raw)[:80]))
        return [int(part) for part in parts]

    def chosen(self, value) -> list[Any]:
        """Return the related rows with these ids that are in the actor's scope."""
        query = visible(self.target, current_actor()).where(self.target.id.in_(value))
        return list(db.session.scalars(query))

    def show_some(self, rows: Sequence[Value], value: Any) -> str:
        """Return what the filter is set to; ``rows`` are all that can be chosen."""
        if self.asks == "none":
            return self.show(value)
        return ", ".join(row.label for row in rows if row.id in value) or "—"

    def show(self, value):
        return ", ".join(str(row) for row in self.chosen(value)) or "—"

    @property
    def is_visible(self) -> ColumnElement[bool]:
        """Return the condition that the related row is in the actor's scope.

        Without it a filter would reveal which rows out of scope a visible row is related to.
        """
        if sees_all(self.target, current_actor()):
            return true()
        visible_rows = visible(self.target, current_actor()).where(not_trashed(self.target))
        return self.key.in_(visible_rows.with_only_columns(self.target.id))


class IsRelated(_RelationFilter):
    name = _l("is")
    arg_name = "is"

    def clause(self, value):
        is_one = self.key == value[0] if len(value) == 1 else self.key.in_(value)
        return and_(is_one, self.is_visible)


class IsNotRelated(_RelationFilter):
    name = _l("is not")
    arg_name = "not"

    def clause(self, value):
        return or_(self.key.not_in(value), self.key.is_(None), not_(self.is_visible))


class IsUnrelated(NoValueFilter, _RelationFilter):
    name = _l("is empty")
    arg_name = "empty"

    def clause(self, value):
        return self.key.is_(None)


class IsDescendant(_RelationFilter):
    name = _l("is or is below")
    arg_name = "under"

    def clause(self, value):
        top, below = aliased(self.target), aliased(self.target)
        return self.key.in_(
            select(below.id)
            .join(top, below.path.like(top.path + "%"))
            .where(top.id.in_(value), scope_condition(top, current_actor()))
        )


class _ManyToManyFilter(_RelationFilter):
    def linked(self, value) -> Any:
        """Select the ids of the rows related to one of these ids, or to any if None."""
        relation = self.datamodel.list_properties[self.column_name]
        near = next(
            iter(relation.secondary.c[pair[1].name] for pair in relation.synchronize_pairs)
        )
        far = next(
            iter(
                relation.secondary.c[pair[1].name] for pair in relation.secondary_synchronize_pairs
            )
        )
        query = select(near)
        return query if value is None else query.where(far.in_(value))


class HasAnyOf(_ManyToManyFilter):
    name = _l("include any of")
    arg_name = "is"

    def clause(self, value):
        return self.model.id.in_(self.linked(value))


class HasNoneOf(_ManyToManyFilter):
    name = _l("include none of")
    arg_name = "not"

    def clause(self, value):
        return self.model.id.not_in(self.linked(value))


class HasNoRelated(NoValueFilter, _ManyToManyFilter):
    name = _l("is empty")
    arg_name = "empty"

    def clause(self, value):
        return self.model.id.not_in(self.linked(None))
