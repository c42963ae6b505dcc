"""What the API answers when something is wrong: one shape, one sentence, in the caller's language."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

# Headers of an error that a program needs to go on.
KEPT = ("Allow", "Retry-After", "WWW-Authenticate")


def problem(
    status: int, error: str, fields: dict[str, list[str]] | None = None, **more: Any
) -> tuple[Response, int]:
    """Answer with a sentence and, by field, what is wrong with it."""
    return jsonify(error=error, fields=fields or {}, **more), status


def http_problem(error: HTTPException) -> tuple[Response, int]:
    """Answer what an HTTP error means: in its own words if it has some, else in ours."""
    status = error.code or 500
    texts = {
        400: _("The request makes no sense."),
        401: _("A valid API key is needed: Authorization: Bearer padron_…"),
        403: _("This key, or its owner, may not do this."),
        404: _("There is nothing here."),
        405: _("This address has no such method."),
        413: _("This is too much at once: send at most 1 MB."),
        415: _("Send JSON, with Content-Type: application/json."),
    }
    is_ours = error.description is not None and error.description != type(error).description
    text = error.description if is_ours else texts.get(status, _("Something went wrong."))
    reply, status = problem(status, str(text))
    for name, value in error.get_headers():
        if name in KEPT:
            reply.headers.add(name, value)
    return reply, status
