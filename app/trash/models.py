"""The mixin of rows that can be moved to the trash."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from flask_appbuilder import Model
from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.types import UTCDateTime


class Trashable:
    """Mixin: deleting the row moves it to the trash."""

    # Whether a task of its own purges the model: its rows cannot just be deleted.
    has_own_purge: ClassVar[bool] = False

    trashed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    trashed_by_id: Mapped[int | None]

    @staticmethod
    def trash_index(table: str) -> tuple[Index]:
        """Return the index for ``__table_args__`` that lists of the trash use."""
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
    def live_index(name: str, *columns: str, include: tuple[str, ...] = ()) -> tuple[Index]:
        """Return an index over the rows that are not in the trash, for index-only scans of lists.

        ``include`` names columns that lists are often filtered by; PostgreSQL stores them in the
        index, so that such a filter need not read the rows.
        """
        condition = text("trashed_at IS NULL")
        options: dict[str, Any] = {"postgresql_include": list(include)} if include else {}
        return (
            Index(name, *columns, sqlite_where=condition, postgresql_where=condition, **options),
        )

    @property
    def is_trashed(self) -> bool:
        """Return True if the row is in the trash."""
        return self.trashed_at is not None


def trashables() -> list[Any]:
    """Return every model that has a trash, in the order of their tables' names."""
    models = [m.class_ for m in Model.registry.mappers if issubclass(m.class_, Trashable)]
    return sorted(models, key=lambda model: model.__tablename__)


def purgeable_models() -> list[Any]:
    """Return the models whose trash can be emptied."""
    return [model for model in trashables() if not model.has_own_purge]
