"""Columns that most tables share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.types import Moment, now


class Row:
    """A numbered row with a version that every change raises, so that none is lost."""

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    updated_at: Mapped[datetime] = mapped_column(Moment, default=now, onupdate=now)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls):
        return {"version_id_col": cls.version}
