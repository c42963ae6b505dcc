"""Where a page may lead that was asked for in an address or a form: never off the site."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from werkzeug.urls import iri_to_uri

HOME = "/"
LONGEST = 2000

# A browser drops tabs and line ends inside an address and takes a backslash for a slash.
_NEVER = re.compile("[\x00-\x20\x7f-\xa0\\\\\u2028\u2029\ud800-\udfff]")


def safe_target(asked: str | None) -> str:
    """Return where to go next: what was asked for if it is a path of this site, else home.

    It is looked at as it is, and as whatever stands between could read it: decoded once and
    twice, and with look-alikes of slashes and backslashes taken for real.
    """
    if not asked or len(asked) > LONGEST or _NEVER.search(asked):
        return HOME
    read = asked
    for _time in range(3):
        if not _is_a_path(read) or not _is_a_path(unicodedata.normalize("NFKC", read)):
            return HOME
        read = unquote(read, errors="replace").replace("\ufffd", "?")
    return iri_to_uri(asked)


def _is_a_path(text: str) -> bool:
    # A parameter may hold anything once it is decoded; what matters is where it leads.
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    if not path.startswith("/") or path.startswith("//") or _NEVER.search(path):
        return False
    return not {".", ".."} & set(path.split("/"))
