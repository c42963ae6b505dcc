"""Write the values of a file in SQL: what a field type may ask, and labels by a mapping."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, case, cast, func, literal
from sqlalchemy.dialects.postgresql import JSONB

# More labels than this are looked up in a JSON object, where the database searches it by halves.
_MAX_CASES = 12


@dataclass(frozen=True)
class SqlHints:
    """The context that a value is written in by SQL."""

    # “postgresql” or “sqlite”.
    dialect: str
    # The code of the country that a province is read by; None if the file has no such column.
    country: ColumnElement[Any] | None
    # Escape what a spreadsheet would compute, in a text of Python or of SQL.
    escape: Callable[[Any], Any]
    # Return the different values of the column that match a pattern of LIKE.
    matching: Callable[[str], list[str]]


def labelled(
    value: ColumnElement[Any],
    labels: Mapping[Any, str],
    dialect: str,
    otherwise: ColumnElement[Any] | None = None,
) -> ColumnElement[Any]:
    """Return the label of a value as SQL, and ``otherwise`` (or null) for values without one."""
    if not labels:
        return literal(None, Text) if otherwise is None else otherwise
    if dialect != "postgresql" or len(labels) <= _MAX_CASES:
        return case(dict(labels), value=value, else_=otherwise)
    texts = json.dumps({str(key): label for key, label in labels.items()}, ensure_ascii=False)
    label = cast(literal(texts, Text), JSONB).op("->>")(cast(value, Text))
    return label if otherwise is None else func.coalesce(label, otherwise)
