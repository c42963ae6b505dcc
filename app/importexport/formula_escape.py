"""Escape values that a spreadsheet would compute as formulas, and undo it when reading."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

# A spreadsheet computes a cell that begins like this; full-width forms included. A value that
# looks escaped is escaped once more, so that unescaping always returns the original.
_BEGINNINGS = "=+-@\t\r\n＝＋－＠"
_FORMULA = re.compile(f"^'*[{re.escape(_BEGINNINGS)}]")
_ESCAPED = re.compile(f"^'+[{re.escape(_BEGINNINGS)}]")


def escape_formula(value: str) -> str:
    """Return ``value`` with an apostrophe in front if a spreadsheet would compute it."""
    return f"'{value}" if _FORMULA.match(value) else value


def escape_formula_sql(value: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return what ``escape_formula`` does as SQL; it mentions the value five times."""
    # Not at the top: ``workbook_process.py`` loads this module in a small process.
    from sqlalchemy import and_, case, collate, func, or_

    # The cheap test first, byte by byte: all beginnings are before the letters, or full-width.
    plain = collate(value, "C") if dialect == "postgresql" else value
    may_be = or_(plain < "A", plain >= "\uff00")
    bare = func.substr(func.ltrim(value, "'"), 1, 1)
    return case((and_(may_be, bare.in_([*_BEGINNINGS])), "'" + value), else_=value)


def unescape_formula(value: str) -> str:
    """Return the value that was given to ``escape_formula``."""
    return value[1:] if _ESCAPED.match(value) else value
