"""The stored files, and which columns of which models hold the key of one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import BigInteger, Index, String, inspect, text
from sqlalchemy.orm import Mapped, mapped_column

from app.added_fields import cached_until_fields_change
from app.types import UTCDateTime, now

_IS_EXPIRING = text("expires_at IS NOT NULL")


class StoredFile(Model):
    """A file of the data folder. Its row is added in the transaction that names its key.

    The file itself is written before; see ``services.store_file``.
    """

    __tablename__ = "stored_file"
    __table_args__ = (
        Index("ix_stored_file_owner", "owner_type", "owner_id"),
        Index(
            "ix_stored_file_expires_at",
            "expires_at",
            sqlite_where=_IS_EXPIRING,
            postgresql_where=_IS_EXPIRING,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # The file's name on disk: random, with the suffix of its type.
    key: Mapped[str] = mapped_column(String(80), unique=True)
    # The name it was sent under.
    name: Mapped[str] = mapped_column(String(200))
    type: Mapped[str] = mapped_column(String(100))
    # Bytes, and SHA-256 of them; None for photos that earlier versions stored.
    size: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    # The row it belongs to, and is deleted with.
    owner_type: Mapped[str | None] = mapped_column(String(48))
    owner_id: Mapped[int | None]
    # When it is deleted, unless a row names it again until then.
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


@cached_until_fields_change
def photo_fields(model: Any) -> tuple[str, ...]:
    """Return the names of a model's attributes that hold a photo's key."""
    return _fields_of(model, "photo")


@cached_until_fields_change
def file_fields(model: Any) -> tuple[str, ...]:
    """Return the names of a model's attributes that name a stored file, photos included."""
    return _fields_of(model, "photo", "file")


def _fields_of(model: Any, *kinds: str) -> tuple[str, ...]:
    return tuple(
        attribute.key
        for attribute in inspect(model).column_attrs
        if attribute.columns[0].info.get("kind") in kinds
    )


def spare_file_columns(table: Any) -> tuple[str, ...]:
    """Return the columns of a table that may name a file although no attribute stands for them."""
    return table.info.get("file_columns", ())


def may_have_files(model: Any) -> bool:
    """Return True if rows of a model can name a stored file."""
    return bool(file_fields(model) or spare_file_columns(model.__table__))


def key_of(value: str) -> str:
    """Return the key in the value of a column: a photo's is the key, a file's also has a name."""
    return value.partition("/")[0]


def name_file(file: StoredFile) -> str:
    """Return the value of a column that names a file."""
    return f"{file.key}/{file.name}"


def models_with_photos() -> list[Any]:
    """Return every model that has a photo, in the order of their tables' names."""
    models = [mapper.class_ for mapper in Model.registry.mappers if photo_fields(mapper.class_)]
    return sorted(models, key=lambda model: model.__tablename__)


def photo_index(table: str, column: str) -> tuple[Index]:
    """Return the index for ``__table_args__`` by which the files without a row are found."""
    condition = text(f"{column} IS NOT NULL")
    name = f"ix_{table}_{column}"
    return (Index(name, column, sqlite_where=condition, postgresql_where=condition),)
