"""Column types that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, DateTime, String, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def SortKey(length: int = 200) -> String:  # noqa: N802 - reads as a type
    """Return text compared byte by byte, which is SQLite's way; PostgreSQL is told to."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def Folded() -> Text:  # noqa: N802 - reads as a type
    """Return long folded text compared byte by byte."""
    return Text().with_variant(Text(collation="C"), "postgresql")


class Moment(TypeDecorator):
    """A moment in UTC: aware in Python, without a zone in the database."""

    impl = DateTime
    cache_ok = True
    # A decorator's own is ``object``; the cursor of a page asks what it may read.
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect) -> datetime | None:
        """Turn an aware moment into UTC without a zone."""
        if value is not None and value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return value

    def process_result_value(self, value: datetime | None, dialect) -> datetime | None:
        """Give back an aware moment."""
        return value if value is None else value.replace(tzinfo=UTC)


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)
