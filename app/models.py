"""Mixin with the columns that most tables share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.types import UTCDateTime, now


class VersionedRow:
    """Mixin: integer primary key, version for optimistic locking, creation and update times.

    SQLAlchemy raises ``version`` with every UPDATE and raises StaleDataError if the row was
    changed since it was read.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls):
        return {"version_id_col": cls.version}
