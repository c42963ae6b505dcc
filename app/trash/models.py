"""The mark of a row that can be put in the trash."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.types import UTCDateTime


class Trashable:
    """A row that deleting puts in the trash."""

    trashed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    trashed_by_id: Mapped[int | None]

    @staticmethod
    def index_for(table: str) -> tuple[Index]:
        """Return the index, to be put in ``__table_args__``, that a page of the trash reads."""
        condition = text("trashed_at IS NOT NULL")
        return (
            Index(
                f"ix_{table}_trashed",
                "trashed_at",
                "id",
                sqlite_where=condition,
                postgresql_where=condition,
            ),
        )

    @staticmethod
    def live_index(name: str, *columns: str, also: tuple[str, ...] = ()) -> tuple[Index]:
        """Return an index over the rows that are not in the trash: it alone answers a list.

        ``also`` names columns that lists are often filtered by besides; PostgreSQL keeps them
        in the index, so that such a filter need not look at the rows.
        """
        condition = text("trashed_at IS NULL")
        options: dict[str, Any] = {"postgresql_include": list(also)} if also else {}
        return (
            Index(name, *columns, sqlite_where=condition, postgresql_where=condition, **options),
        )

    @property
    def is_trashed(self) -> bool:
        """Say whether the row is in the trash."""
        return self.trashed_at is not None


def trashables() -> list[Any]:
    """Return every model that has a trash, in the order of their tables' names."""
    models = [m.class_ for m in Model.registry.mappers if issubclass(m.class_, Trashable)]
    return sorted(models, key=lambda model: model.__tablename__)
