"""Detect faulty responses to hostile values: server errors, leaks, executed markup."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).resolve().parents[2])

# No hostile value contains any of these, so an echoed value is not taken for a leak.
_LEAKS = re.compile(
    r"Traceback \(most|sqlalchemy\.exc|psycopg\.|sqlite3\.|\[SQL: |site-packages|werkzeug\."
    r"|UndefinedTable|OperationalError|&lt;class &#39;|object at 0x"
)
# Markup that would execute a hostile value.
_EXECUTED = re.compile(r"<(script|img|svg|iframe|body|details|math|style|base|object|meta)\b[^>]*"
                   r"(alert|evil\.test)", re.IGNORECASE)  # fmt: skip


def find_fault(response: Any) -> str:
    """Return what is wrong with a response to a hostile value, or ""."""
    text = response.get_data(as_text=True)
    if response.status_code >= 500:
        return f"a {response.status_code}"
    if match := _LEAKS.search(text):
        return f"a leak: {match[0]}"
    if ROOT in text:
        return "a path of the server"
    if response.mimetype == "text/html" and (match := _EXECUTED.search(text)):
        return f"it runs: {match[0][:60]}"
    return ""
