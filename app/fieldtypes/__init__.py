"""Field types: what a column holds, in one place, for every room.

Forms, filters, lists, the API, imports, exports and the log all ask them, so that a field behaves
the same wherever it appears. A column's field type is named by ``info["kind"]``; without it, it
follows from the column's SQL type.
"""

from app.fieldtypes.base import FieldType, Hints, get_field_type, to_json
from app.fieldtypes.choices import Answer, Boolean, Choice, Choices, Colour, Country, Province
from app.fieldtypes.dates import Date, DateTime, ExpiringDate, invalid_date
from app.fieldtypes.numbers import Decimal, Duration, Integer, Money, Percent, Quantity
from app.fieldtypes.sqltext import SqlHints, labelled
from app.fieldtypes.text import (
    Code,
    Email,
    File,
    Identifier,
    MultilineText,
    Phone,
    Photo,
    Postcode,
    Url,
)

__all__ = [
    "Answer",
    "Boolean",
    "Choice",
    "Choices",
    "Code",
    "Colour",
    "Country",
    "Date",
    "DateTime",
    "Decimal",
    "Duration",
    "Email",
    "ExpiringDate",
    "FieldType",
    "File",
    "Hints",
    "Identifier",
    "Integer",
    "Money",
    "MultilineText",
    "Percent",
    "Phone",
    "Photo",
    "Postcode",
    "Province",
    "Quantity",
    "SqlHints",
    "Url",
    "get_field_type",
    "invalid_date",
    "labelled",
    "to_json",
]  # fmt: skip
