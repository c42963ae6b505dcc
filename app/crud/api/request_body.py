"""The body of a request of the API: one JSON object, read strictly."""

from __future__ import annotations

import json
from typing import Any

from flask import request
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

LARGEST = 1024 * 1024


def read_object() -> dict[str, Any]:
    """Return the JSON object that was sent, or refuse the request: 400, 413, 415."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(_("Send JSON, with Content-Type: application/json."))
    request.max_content_length = LARGEST
    data = request.get_data()
    try:
        found = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        raise BadRequest(_("This is not valid JSON.")) from None
    if not isinstance(found, dict):
        raise BadRequest(_("Send one JSON object: {…}."))
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that is given twice: nobody knows which value was meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)
