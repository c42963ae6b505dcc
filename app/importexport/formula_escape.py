"""Keep spreadsheets from taking a value for a formula, and undo exactly that when reading."""

from __future__ import annotations

import re

# What makes a spreadsheet compute a cell, the full-width forms included. A value that looks
# guarded already is guarded once more, so that taking one guard off always gives it back.
_DANGEROUS = re.compile("^'*[=+\\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile("^'+[=+\\-@\t\r\n＝＋－＠]")


def guard(value: str) -> str:
    """Return ``value`` so that no spreadsheet computes it."""
    return f"'{value}" if _DANGEROUS.match(value) else value


def unguard(value: str) -> str:
    """Return the value that ``guard`` was given."""
    return value[1:] if _GUARDED.match(value) else value
