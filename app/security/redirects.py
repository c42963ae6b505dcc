"""Validate redirect targets that come with a request: no open redirects."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from werkzeug.urls import iri_to_uri

HOME = "/"
MAX_LENGTH = 2000

# Browsers drop tabs and line ends inside a URL and treat a backslash as a slash.
_FORBIDDEN_CHARACTERS = re.compile("[\x00-\x20\x7f-\xa0\\\\\u2028\u2029\ud800-\udfff]")


def safe_redirect_target(requested: str | None) -> str:
    """Return the requested target if it is a path of this site, else the start page.

    It is checked as it is and percent-decoded once and twice, each also with Unicode look-alikes
    of slashes normalised, as proxies and browsers may do.
    """
    if not requested or len(requested) > MAX_LENGTH or _FORBIDDEN_CHARACTERS.search(requested):
        return HOME
    decoded = requested
    for _time in range(3):
        normalised = unicodedata.normalize("NFKC", decoded)
        if not _is_local_path(decoded) or not _is_local_path(normalised):
            return HOME
        decoded = unquote(decoded, errors="replace").replace("\ufffd", "?")
    return iri_to_uri(requested)


def _is_local_path(text: str) -> bool:
    # A decoded query string may contain anything: only the path decides where it leads.
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    if not path.startswith("/") or path.startswith("//") or _FORBIDDEN_CHARACTERS.search(path):
        return False
    return not {".", ".."} & set(path.split("/"))
