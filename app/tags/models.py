"""The tag, and the mixin of models whose rows have tags."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import Column, ForeignKey, Index, Table
from sqlalchemy.orm import Mapped, declared_attr, relationship

from app.repositories.models import Repository


class Tag(Model, Repository):
    """A label placed on a file, such as “to be completed”."""

    __tablename__ = "tag"


class Tagged:
    """Mixin of a row that has any number of tags.

    The table of its links is called after its own: ``contact_tag`` with ``contact_id``, ``tag_id``.
    """

    __tablename__: Any

    @declared_attr
    def tags(cls) -> Mapped[list[Tag]]:  # noqa: N805 - SQLAlchemy passes the class
        """Return the relation to the tags, in the organisation's order."""
        table = cls.__tablename__
        links = Table(
            f"{table}_tag",
            Model.metadata,
            Column(f"{table}_id", ForeignKey(f"{table}.id", ondelete="CASCADE"), primary_key=True),
            Column("tag_id", ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True),
            Index(f"ix_{table}_tag_tag", "tag_id", f"{table}_id"),
        )
        return relationship(
            secondary=links, order_by="Tag.position, Tag.id", info={"label": _l("Tags")}
        )
