"""Filters on what a row is linked to: one other row, a place in a tree, many others."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, not_, or_, select, true
from sqlalchemy.orm import aliased

from app.crud.filterbase import MOST_VALUES, BadFilter, Filter, Valueless
from app.extensions import db
from app.security.actor import current_actor
from app.security.scope import alive, scope_of, visible
from app.text import clean


class _Linked(Filter):
    asks = "pick"

    @property
    def target(self):
        """Return the model at the other end."""
        return self.datamodel.get_related_model(self.column_name)

    @property
    def key(self):
        """Return the foreign key of a many-to-one link."""
        column = next(iter(self.datamodel.list_properties[self.column_name].local_columns))
        return getattr(self.model, self.model.__mapper__.get_property_by_column(column).key)

    def read(self, raw):
        parts = raw.split(",")
        if len(parts) > MOST_VALUES or not all(
            part.isascii() and part.isdigit() and len(part) < 10 for part in parts
        ):
            raise BadFilter(_("“%(value)s” is not one of the choices.", value=clean(raw)[:80]))
        return [int(part) for part in parts]

    def chosen(self, value) -> list[Any]:
        """Return the linked rows that the value names and the actor may see."""
        query = visible(self.target, current_actor()).where(self.target.id.in_(value))
        return list(db.session.scalars(query))

    def show(self, value):
        return ", ".join(str(row) for row in self.chosen(value)) or "—"

    @property
    def seen(self) -> ColumnElement[bool]:
        """Return the condition that the link leads to what the actor may see.

        Else a filter would tell, of a row one sees, what it is linked to beyond one's sight.
        """
        if not hasattr(self.target, "scope") or current_actor().entity_ids is None:
            return true()
        seen = visible(self.target, current_actor()).where(alive(self.target))
        return self.key.in_(seen.with_only_columns(self.target.id))


class IsLinked(_Linked):
    name = _l("is")
    arg_name = "is"

    def clause(self, value):
        is_one = self.key == value[0] if len(value) == 1 else self.key.in_(value)
        return and_(is_one, self.seen)


class IsNotLinked(_Linked):
    name = _l("is not")
    arg_name = "not"

    def clause(self, value):
        return or_(self.key.not_in(value), self.key.is_(None), not_(self.seen))


class IsUnlinked(Valueless, _Linked):
    name = _l("is empty")
    arg_name = "empty"

    def clause(self, value):
        return self.key.is_(None)


class IsUnder(_Linked):
    name = _l("is, or lies below")
    arg_name = "under"

    def clause(self, value):
        top, below = aliased(self.target), aliased(self.target)
        return self.key.in_(
            select(below.id)
            .join(top, below.path.like(top.path + "%"))
            .where(top.id.in_(value), scope_of(top, current_actor()))
        )


class _Many(_Linked):
    def linked(self, value) -> Any:
        """Select the keys of the rows that are linked to one of ``value``."""
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


class HasAny(_Many):
    name = _l("has one of")
    arg_name = "is"

    def clause(self, value):
        return self.model.id.in_(self.linked(value))


class HasNone(_Many):
    name = _l("has none of")
    arg_name = "not"

    def clause(self, value):
        return self.model.id.not_in(self.linked(value))


class HasNothing(Valueless, _Many):
    name = _l("is empty")
    arg_name = "empty"

    def clause(self, value):
        return self.model.id.not_in(self.linked(None))
