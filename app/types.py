"""Column types that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, DateTime, String, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def SortKey(length: int = 200) -> String:  # noqa: N802 - reads as a type
    """Return a string type that both databases compare byte by byte (collation "C")."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def FoldedText() -> Text:  # noqa: N802 - reads as a type
    """Return a text type that both databases compare byte by byte (collation "C")."""
    return Text().with_variant(Text(collation="C"), "postgresql")


class UTCDateTime(TypeDecorator):
    """A datetime that is UTC and aware in Python, and stored without a time zone."""

    impl = DateTime
    cache_ok = True
    # TypeDecorator's default is ``object``; the paging cursor needs the real type.
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect) -> datetime | None:
        """Convert an aware datetime to UTC and drop its time zone."""
        if value is not None and value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return value

    def process_result_value(self, value: datetime | None, dialect) -> datetime | None:
        """Return an aware datetime."""
        return value if value is None else value.replace(tzinfo=UTC)


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)
