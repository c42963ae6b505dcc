"""Parse the body of an API request: one JSON object, strictly."""

from __future__ import annotations

import json
from typing import Any

from flask import request
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

MAX_BODY_BYTES = 1024 * 1024


def read_object() -> dict[str, Any]:
    """Return the JSON object of the request; abort with 400, 413 or 415."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(_("Send JSON, with Content-Type: application/json."))
    request.max_content_length = MAX_BODY_BYTES
    data = request.get_data()
    try:
        parsed = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_refuse_duplicates,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        raise BadRequest(_("This is not valid JSON.")) from None
    if not isinstance(parsed, dict):
        raise BadRequest(_("Send a single JSON value in braces: {…}."))
    return parsed


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a duplicate key."""
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        raise ValueError("duplicate key")
    return parsed


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def if_match() -> Any:
    """Return the version of the header If-Match, or None."""
    text = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def is_version(value: Any) -> bool:
    """Return True if a sent version is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)
