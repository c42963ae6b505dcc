"""Change the organisation's tree."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.entities.models import Entity
from app.entities.queries import root
from app.errors import DomainError
from app.security.actor import Actor


def check_place(session: Session, entity: Entity, actor: Actor) -> None:
    """Refuse a place in the tree that cannot be: a second root, or below itself."""
    top = root(session)
    if entity.parent_id is None and top is not None and top.id != entity.id:
        raise DomainError(
            _(
                "Choose what this entity is part of; only %(name)s stands at the top.",
                name=top.name,
            ),
            field="parent",
        )
    if entity.id and entity.parent is not None and entity.parent.path.startswith(entity.path):
        raise DomainError(_("An entity cannot be part of itself."), field="parent")
    is_home = entity.id is not None and entity.id == actor.home_id
    if actor.entity_ids is not None and entity.parent_id not in actor.entity_ids and not is_home:
        raise DomainError(_("Choose an entity you work in."), field="parent")


def ensure_root(session: Session, name: str) -> Entity:
    """Return the top of the tree, made now if there is none."""
    top = root(session)
    if top is None:
        top = Entity(name=name)
        session.add(top)
        session.flush()
    return top
