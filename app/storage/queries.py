"""Find files by their rows, and by the rows that name them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from flask_appbuilder import Model
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app.storage.files import KEY_LENGTH, ORPHAN_LIFETIME
from app.storage.models import (
    StoredFile,
    models_with_photos,
    photo_fields,
    spare_file_columns,
)
from app.types import now


def key_columns() -> Iterator[ColumnElement[str]]:
    """Yield every column that holds the key of a photo."""
    for model in models_with_photos():
        for field in photo_fields(model):
            yield model.__table__.c[field]


def is_named() -> ColumnElement[bool]:
    """Return the condition that a row, in the trash or not, names a file."""
    photos = (exists().where(column == StoredFile.key) for column in key_columns())
    return or_(*photos, *_named_by_owners())


def _named_by_owners() -> Iterator[ColumnElement[bool]]:
    """Yield the condition that its owner names a file, for each table with such columns.

    They have no index: the row is found by its id, which is that of the file's owner.
    """
    for table in Model.metadata.tables.values():
        if names := spare_file_columns(table):
            keys = (func.substr(table.c[name], 1, KEY_LENGTH) == StoredFile.key for name in names)
            is_owner = and_(StoredFile.owner_type == table.name, StoredFile.owner_id == table.c.id)
            yield exists(select(table.c.id).where(is_owner, or_(*keys)))


def find_stored(session: Session, key: str) -> StoredFile | None:
    """Return the row of a file, or None."""
    return session.scalar(select(StoredFile).where(StoredFile.key == key))


def is_expired() -> ColumnElement[bool]:
    """Return the condition that the time of a file is over."""
    return StoredFile.expires_at < now()


def is_lost() -> ColumnElement[bool]:
    """Return the condition that no row names a file and nobody let it expire."""
    is_old = StoredFile.created_at < now() - ORPHAN_LIFETIME
    return and_(StoredFile.expires_at.is_(None), is_old, ~is_named())


def stored_keys(session: Session, keys: Collection[str]) -> set[str]:
    """Return those of ``keys`` that are of a stored file."""
    return set(session.scalars(select(StoredFile.key).where(StoredFile.key.in_(keys))))


def newest_keys(session: Session, limit: int) -> list[str]:
    """Return the keys of the newest files that are in use, at most ``limit``."""
    query = select(StoredFile.key).where(StoredFile.expires_at.is_(None))
    return list(session.scalars(query.order_by(StoredFile.id.desc()).limit(limit)))
