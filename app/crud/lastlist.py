"""Remember in the session cookie how the user saw each list, to lead back to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import has_request_context, session

# A cookie holds 4 KB: the last lists, and no longer query strings than these.
MAX_LISTS = 4
MAX_LENGTH = 600
# Characters that a query string may contain as they are; "%", since it is encoded already.
URL_SAFE = "%=&+,;:!*'()@/?$-._~"


def remember_list(list_name: str, query: str) -> None:
    """Remember the query string of a list: its filters, order and page."""
    lists = {name: old for name, old in session.get("lists", {}).items() if name != list_name}
    if len(query) <= MAX_LENGTH:
        lists[list_name] = quote(query, safe=URL_SAFE)
    session["lists"] = dict(list(lists.items())[-MAX_LISTS:])


def last_list_url(view: Any) -> str:
    """Return the address of a view's list as the user saw it last."""
    query = session.get("lists", {}).get(view.list_name, "") if has_request_context() else ""
    return f"{view.route_base}/list/?{query}".rstrip("?")
