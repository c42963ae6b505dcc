"""Escape values that a spreadsheet would compute as formulas, and undo it when reading."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func

# A spreadsheet computes a cell that begins like this; full-width forms included. A value that
# looks escaped is escaped once more, so that unescaping always returns the original.
_BEGINNINGS = "=+-@\t\r\n＝＋－＠"
_FORMULA = re.compile(f"^'*[{re.escape(_BEGINNINGS)}]")
_ESCAPED = re.compile(f"^'+[{re.escape(_BEGINNINGS)}]")


def escape_formula(value: str) -> str:
    """Return ``value`` with an apostrophe in front if a spreadsheet would compute it."""
    return f"'{value}" if _FORMULA.match(value) else value


def escape_formula_sql(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what ``escape_formula`` does as SQL; it mentions the value four times."""
    first = func.substr(value, 1, 1)
    bare = func.substr(func.ltrim(value, "'"), 1, 1)
    # Hardly any value passes the first test, which is the cheap one.
    is_formula = and_(first.in_([*_BEGINNINGS, "'"]), bare.in_([*_BEGINNINGS]))
    return case((is_formula, "'" + value), else_=value)


def unescape_formula(value: str) -> str:
    """Return the value that was given to ``escape_formula``."""
    return value[1:] if _ESCAPED.match(value) else value
