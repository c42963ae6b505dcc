"""Remember in the session cookie how the user saw each list, to lead back to it."""

from __future__ import annotations

from urllib.parse import quote

from flask import has_request_context, session

# A cookie holds 4 KB: the last lists, and no longer query strings than these.
MAX_LISTS = 4
MAX_LENGTH = 600
# Characters that a query string may contain as they are; "%", since it is encoded already.
URL_SAFE = "%=&+,;:!*'()@/?$-._~"


def remember_list(key: str, query: str) -> None:
    """Remember the query string of a list: its filters, order and page."""
    before = session.get("lists", {})
    lists = {name: old for name, old in before.items() if name != key}
    if len(query) <= MAX_LENGTH:
        lists[key] = quote(query, safe=URL_SAFE)
    lists = dict(list(lists.items())[-MAX_LISTS:])
    # What the cookie says already is not signed and sent again.
    if list(lists.items()) != list(before.items()):
        session["lists"] = lists


def last_list_url(key: str, route_base: str) -> str:
    """Return the address of a screen's list as the user saw it last."""
    query = session.get("lists", {}).get(key, "") if has_request_context() else ""
    return f"{route_base}/list/?{query}".rstrip("?")
