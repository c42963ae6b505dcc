"""Escape values that a spreadsheet would compute as formulas, and undo it when reading."""

from __future__ import annotations

import re

# A spreadsheet computes a cell that begins like this; full-width forms included. A value that
# looks escaped is escaped once more, so that unescaping always returns the original.
_FORMULA = re.compile("^'*[=+\\-@\t\r\n＝＋－＠]")
_ESCAPED = re.compile("^'+[=+\\-@\t\r\n＝＋－＠]")


def escape_formula(value: str) -> str:
    """Return ``value`` with an apostrophe in front if a spreadsheet would compute it."""
    return f"'{value}" if _FORMULA.match(value) else value


def unescape_formula(value: str) -> str:
    """Return the value that was given to ``escape_formula``."""
    return value[1:] if _ESCAPED.match(value) else value
