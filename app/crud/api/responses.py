"""Error responses of the API: one shape, one sentence, in the language of the caller."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from app.errors import DomainError, InUse, Locked, NotPossible

# Headers of an HTTP error that are passed on.
PASSED_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


def problem(
    status: int, error: str, fields: dict[str, list[str]] | None = None, **more: Any
) -> tuple[Response, int]:
    """Return an error response: a sentence, and error messages by field."""
    return jsonify(error=error, fields=fields or {}, **more), status


def status_of(error: DomainError) -> int:
    """Return the status of a change that is refused."""
    return error.status if isinstance(error, InUse | Locked | NotPossible) else 422


def http_problem(error: HTTPException) -> tuple[Response, int]:
    """Return the response of an HTTP error: its own description if it has one, else ours."""
    status = error.code or 500
    texts = {
        400: _("The request is not valid."),
        401: _("A valid API key is required: Authorization: Bearer padron_…"),
        403: _("This key or its owner doesn’t have permission."),
        404: _("Not found."),
        405: _("This address doesn’t support this method."),
        413: _("The request is too large. The maximum is 1 MB."),
        415: _("Send JSON, with Content-Type: application/json."),
    }
    has_description = (
        error.description is not None and error.description != type(error).description
    )
    text = error.description if has_description else texts.get(status, _("Something went wrong."))
    reply, status = problem(status, str(text))
    for name, value in error.get_headers():
        if name in PASSED_HEADERS:
            reply.headers.add(name, value)
    return reply, status
