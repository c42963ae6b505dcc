"""The entity: a node of the organisation's tree."""

from __future__ import annotations

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.log.models import Logged
from app.models import VersionedRow
from app.security.actor import Actor
from app.security.scope import entity_in_reach
from app.types import SortKey


class Entity(Model, VersionedRow, Logged):
    """A part of the organisation: region, department, branch…

    ``path`` holds the ids from the root down to the row itself, as in ``/1/4/27/``. The paths of
    all descendants begin with it.
    """

    __tablename__ = "entity"

    name: Mapped[str] = mapped_column(String(120), info={"label": _l("Name")})
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("entity.id"), index=True)
    path: Mapped[str] = mapped_column(SortKey(500), default="", index=True)

    parent: Mapped[Entity | None] = relationship(
        remote_side="Entity.id", info={"label": _l("Parent entity")}
    )

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition for the actor's own entity and its descendants."""
        return entity_in_reach(cls.id, actor)

    def is_in_scope(self, actor: Actor) -> bool:
        """Return what ``scope`` says of this row, without asking the database."""
        return actor.entity_ids is None or self.id in actor.entity_ids

    def __str__(self) -> str:
        return self.name
