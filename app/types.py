"""Column types that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, String, Text, TypeDecorator
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


class Scaled(TypeDecorator):
    """An exact decimal number: a whole number of units of 10 to the power of −``scale``.

    SQLite stores NUMERIC as a binary fraction, in which 0.10 + 0.20 is not 0.30. Sums,
    comparisons and orders are exact on both databases; other arithmetic belongs in Python.
    """

    impl = BigInteger
    cache_ok = True
    python_type = Decimal

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def process_bind_param(self, value: Decimal | int | None, dialect) -> int | None:
        """Return the number of units; raise ValueError for a float or for too many decimals."""
        if value is None:
            return None
        if isinstance(value, float):
            raise ValueError(f"{value!r} is a float")
        units = Decimal(value).scaleb(self.scale)
        if units != units.to_integral_value():
            raise ValueError(f"{value} has more than {self.scale} decimals")
        return int(units)

    def process_result_value(self, value: Any, dialect) -> Decimal | None:
        """Return the number with all its decimals; PostgreSQL returns a sum as Decimal."""
        return None if value is None else Decimal(int(value)).scaleb(-self.scale)


def Money() -> Scaled:  # noqa: N802 - reads as a type
    """Return the type of an amount: hundredths of the currency."""
    return Scaled(2)


def UnitPrice() -> Scaled:  # noqa: N802 - reads as a type
    """Return the type of the price of one unit: millionths of the currency."""
    return Scaled(6)


def Quantity() -> Scaled:  # noqa: N802 - reads as a type
    """Return the type of a quantity: ten-thousandths."""
    return Scaled(4)


def Percent() -> Scaled:  # noqa: N802 - reads as a type
    """Return the type of a percentage: ten-thousandths of a hundredth; 21 stands for 21 %."""
    return Scaled(4)


def round_half_up(value: Decimal, places: int = 2) -> Decimal:
    """Round half away from zero, as amounts are rounded in commerce and by tax offices."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)
