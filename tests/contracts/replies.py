"""What no reply to a hostile value may be: an error of ours, a leak, or a page that runs it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).resolve().parents[2])
# The full product of values and fields takes an hour: it is asked for by name.
IS_FULL = os.environ.get("PADRON_TEST_FULL") == "1"

# None of these stands in a hostile value, so an echo of one is no leak.
_LEAKS = re.compile(
    r"Traceback \(most|sqlalchemy\.exc|psycopg\.|sqlite3\.|\[SQL: |site-packages|werkzeug\."
    r"|UndefinedTable|OperationalError|&lt;class &#39;|object at 0x"
)
# A page is cut in lines by its templates, not by what people type.
_RUNS = re.compile(r"<(script|img|svg|iframe|body|details|math|style|base|object|meta)\b[^>]*"
                   r"(alert|evil\.test)", re.IGNORECASE)  # fmt: skip


def fault(reply: Any) -> str:
    """Return what is wrong with a reply to something hostile, or nothing."""
    text = reply.get_data(as_text=True)
    if reply.status_code >= 500:
        return f"a {reply.status_code}"
    if found := _LEAKS.search(text):
        return f"a leak: {found[0]}"
    if ROOT in text:
        return "a path of the server"
    if reply.mimetype == "text/html" and (found := _RUNS.search(text)):
        return f"it runs: {found[0][:60]}"
    return ""
