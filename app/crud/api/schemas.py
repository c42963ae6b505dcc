"""Parts of the OpenAPI 3.1 document."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

JSON = "application/json"
ID = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}


def query(name: str, text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a query parameter."""
    return {"name": name, "in": "query", "description": text, "schema": schema}


def operation_object(
    tag: str,
    verb: str,
    summary: str,
    responses_by_status: dict[str, Any],
    *,
    parameters: list[dict[str, Any]] | None = None,
    body: str | None = None,
) -> dict[str, Any]:
    """Return an operation object."""
    result: dict[str, Any] = {
        "operationId": f"{verb}_{tag.replace('-', '_').replace('/', '_')}",
        "tags": [tag],
        "summary": summary,
        "responses": {**responses_by_status, **error_responses("400", "401", "403", "429")},
    }
    if parameters:
        result["parameters"] = parameters
    if body:
        result["requestBody"] = {"required": True, "content": content(body)}
    return result


def json_response(name: str, text: str = "") -> dict[str, Any]:
    """Return a response object with a schema."""
    return {"description": text or _("Done."), "content": content(name)}


def content(name: str) -> dict[str, Any]:
    """Return a content object with JSON of a schema."""
    return {JSON: {"schema": ref(name)}}


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_schema(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """Return the schema of an object with these properties only."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | {"required": required} if required else schema


def problem_schema() -> dict[str, Any]:
    """Return the schema of an error response."""
    return object_schema(
        {
            "error": {"type": "string"},
            "fields": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
            },
        },
        ["error", "fields"],
    )


def error_meanings() -> dict[str, str]:
    """Return the meaning of each error status."""
    return {
        "400": _("The request is not valid."),
        "401": _("The API key is missing or not valid."),
        "403": _("The key or its owner doesn’t have permission."),
        "404": _("Not found, or you don’t have access to it."),
        "409": _("Someone else has changed it."),
        "413": _("The request is larger than 1 MB."),
        "415": _("The request is not JSON."),
        "422": _("Some fields are not valid. Nothing was changed."),
        "429": _("Too many attempts with wrong keys, or too many slow lists at once."),
        "503": _("The list took too long to load. Narrow it down."),
    }


def responses() -> dict[str, Any]:
    """Return the error responses as components."""
    return {
        f"Refused{status}": {"description": text, "content": content("Problem")}
        for status, text in error_meanings().items()
    }


def error_responses(*statuses: str) -> dict[str, Any]:
    """Return references to the error responses of some statuses."""
    return {status: {"$ref": f"#/components/responses/Refused{status}"} for status in statuses}
