"""Find the photos that rows name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.storage.models import models_with_photos, photo_fields


def photo_columns() -> Iterator[ColumnElement[str]]:
    """Yield every column that holds the name of a photo."""
    for model in models_with_photos():
        for field in photo_fields(model):
            yield model.__table__.c[field]


def named_photos(session: Session, names: Collection[str]) -> set[str]:
    """Return those of ``names`` that a row names, in the trash or not."""
    return {
        name
        for column in photo_columns()
        for name in session.scalars(select(column).where(column.in_(names)))
    }


def some_named_photos(session: Session, limit: int) -> Iterator[str]:
    """Yield at most ``limit`` names of photos that rows name."""
    names = (
        name
        for column in photo_columns()
        for name in session.scalars(select(column).where(column.is_not(None)).limit(limit))
    )
    return islice(names, limit)
