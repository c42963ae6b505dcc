"""The rules of the entity tree."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, String, and_, cast, exists, false, or_
from sqlalchemy.orm import Session, aliased

from app.entities.models import Entity
from app.entities.queries import get_root
from app.states.rules import Rule


class OneRoot(Rule):
    """There is one entity at the top: the organisation itself."""

    model = Entity
    field = "parent"
    message = _l("Choose a parent entity.")

    def broken(self, row: Any) -> ColumnElement[bool]:
        other = aliased(Entity)
        return and_(
            row.parent_id.is_(None), exists().where(other.parent_id.is_(None), other.id != row.id)
        )

    def text(self, session: Session) -> str:
        root = get_root(session)
        name = "" if root is None else root.name
        return _("Choose a parent entity. Only %(name)s can be at the top.", name=name)


class NotItsOwnParent(Rule):
    """No entity is below itself. The paths are those from before the move."""

    model = Entity
    field = "parent"
    message = _l("An entity can’t be its own parent.")

    def broken(self, row: Any) -> ColumnElement[bool]:
        parent = aliased(Entity)
        own = "/" + cast(row.id, String) + "/"
        return exists().where(parent.id == row.parent_id, parent.path.contains(own))


class MovedWithinScope(Rule):
    """Nobody moves an entity out of their scope or into it, nor their own: that would widen it."""

    model = Entity
    field = "parent"
    message = _l("Choose your entity or one below it.")

    def broken(self, row: Any) -> ColumnElement[bool]:
        ids = self.actor.entity_ids
        if self.actor.is_system or ids is None:
            return false()
        in_scope = sorted(ids)
        parent = or_(row.parent_id.is_(None), row.parent_id.not_in(in_scope))
        # A new entity has no path yet.
        itself = or_(row.id == (self.actor.home_id or 0), row.id.not_in(in_scope))
        return or_(parent, and_(row.path != "", itself))
