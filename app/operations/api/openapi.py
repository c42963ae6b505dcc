"""The OpenAPI description of collective actions and operations."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from app.crud.api.schemas import (
    ID,
    error_responses,
    json_response,
    object_schema,
    operation_object,
    query,
    ref,
)
from app.crud.listing import SIZES
from app.jobs.models import STATES
from app.operations.action_input import (
    dashed,
    resource_name,
    screen_actions,
    screens_with_actions,
)
from app.operations.selection import MAX_IDS
from app.operations.serializers import FORGOTTEN

TEXT = {"type": "string"}
TEXT_OR_NOT = {"type": ["string", "null"]}
COUNT = {"type": "integer", "minimum": 0}
NUMBER_OR_NOT = {"type": ["integer", "null"]}
FLAG = {"type": "boolean"}
COUNTS = {"type": "object", "additionalProperties": COUNT}


def action_schemas() -> dict[str, Any]:
    """Return the schemas of actions and their fields."""
    choice = object_schema(
        {"value": {"type": ["string", "integer"]}, "label": TEXT}, ["value", "label"]
    )
    field = {
        "name": TEXT,
        "label": TEXT,
        "kind": TEXT,
        "is_required": FLAG,
        "may_be_none": FLAG,
        "choices": {"type": ["array", "null"], "items": choice},
        "choices_at": TEXT_OR_NOT,
    }
    action = {
        "resource": TEXT,
        "action": TEXT,
        "label": TEXT,
        "help": TEXT,
        "is_dangerous": FLAG,
        "fields": {"type": "array", "items": object_schema(field, [*field])},
    }
    page = {"results": {"type": "array", "items": ref("Action")}}
    return {
        "Action": object_schema(action, [*action]),
        "ActionList": object_schema(page, [*page]),
    }


def action_paths() -> dict[str, Any]:
    """Return the path of the actions."""
    listed = operation_object(
        "actions", "list", _("Available actions"),
        {"200": json_response("ActionList")},
    )  # fmt: skip
    return {"/api/v1/actions/": {"get": listed}}


def operation_schemas(outcomes: tuple[str, ...]) -> dict[str, Any]:
    """Return the schemas of requests, previews, operations and their items."""
    reasons = object_schema(
        {"not_permitted": COUNTS, "skipped": COUNTS}, ["not_permitted", "skipped"]
    )
    figures = dict.fromkeys(
        ("matched", "will_change", "already", "not_permitted", "skipped"), COUNT
    )
    preview = {
        "action": TEXT,
        "resource": TEXT,
        "selection": TEXT,
        "dry_run": FLAG,
        **figures,
        "reasons": reasons,
        "sample": {"type": "array", "items": _sample_schema()},
    }
    operation = _operation_schema()
    item = {
        "id": ID,
        "name": TEXT,
        "outcome": {"type": "string", "enum": [*outcomes]},
        "outcome_text": TEXT,
        "reason": TEXT,
    }
    return {
        "OperationNew": _request_schema(),
        "OperationPreview": object_schema(preview, [*preview]),
        "Operation": object_schema(operation, [*operation]),
        "OperationWhole": object_schema(operation | {"reasons": reasons}, [*operation, "reasons"]),
        "OperationPage": _page(ref("Operation")),
        "OperationItems": _page(object_schema(item, [*item])),
    }


def _request_schema() -> dict[str, Any]:
    actions = {
        resource_name(view): sorted(dashed(kind.action_name()) for kind in screen_actions(view))
        for view in screens_with_actions()
    }
    names = {name for known in actions.values() for name in known}
    numbers = {"type": "array", "items": ID, "maxItems": MAX_IDS}
    value = {"type": ["string", "integer"]}
    return object_schema(
        {
            "action": {"type": "string", "enum": sorted(names)},
            "resource": {"type": "string", "enum": sorted(actions)},
            "ids": numbers | {"minItems": 1, "description": _("The IDs to select.")},
            "filter": {
                "type": "object",
                "additionalProperties": value,
                "description": _("The list’s filters, and q for a text search."),
            },
            "everything": FLAG | {"description": _("Everything in the list.")},
            "except": numbers | {"description": _("IDs to exclude.")},
            "answers": {
                "type": "object",
                "description": _("The values for the action, by field: an ID or a name."),
            },
            "dry_run": FLAG | {"description": _("Preview only; nothing is changed.")},
        },
        ["action", "resource"],
    ) | {
        "allOf": [
            {
                "if": {"properties": {"resource": {"const": resource}}},
                "then": {"properties": {"action": {"enum": known}}},
            }
            for resource, known in sorted(actions.items())
        ]
    }


def _sample_schema() -> dict[str, Any]:
    change = object_schema({"field": TEXT, "old": TEXT, "new": TEXT}, ["field", "old", "new"])
    row = {"id": ID, "name": TEXT, "changes": {"type": "array", "items": change}}
    return object_schema(row, [*row])


def _operation_schema() -> dict[str, Any]:
    state = {"type": "string", "enum": [*STATES, "draft", FORGOTTEN]}
    figures = ("matched", "changed", "already", "skipped", "not_permitted", "failed")
    return {
        "operation": ID,
        "action": TEXT,
        "resource": TEXT,
        "selection": TEXT,
        "answers": TEXT,
        "by": TEXT,
        "channel": TEXT,
        "created_at": {"type": "string", "format": "date-time"},
        "undo_until": {"type": ["string", "null"], "format": "date-time"},
        "job": NUMBER_OR_NOT,
        "state": state,
        "error": TEXT,
        **dict.fromkeys(figures, COUNT),
        "undo_job": NUMBER_OR_NOT,
        "undo_state": {"type": ["string", "null"], "enum": [*STATES, None]},
        "undo_error": TEXT,
        "undone": COUNT,
        "kept": COUNT,
        "url": TEXT,
        "items": TEXT,
    }


def _page(items: dict[str, Any]) -> dict[str, Any]:
    results = {"type": "array", "items": items, "maxItems": max(SIZES)}
    return object_schema({"results": results, "next": TEXT_OR_NOT}, ["results", "next"])


def operation_paths(outcomes: tuple[str, ...]) -> dict[str, Any]:
    """Return the paths of operations, with the methods of each."""
    tag, base = "operations", "/api/v1/operations/"
    number = {"name": "id", "in": "path", "required": True, "schema": ID}
    size = query("size", _("Results per page."), {"type": "integer", "enum": list(SIZES)})
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": _(
            "A unique value for this request. If you send the request again with the same value, it runs only once."
        ),
    }
    begun = _with_location(json_response("Operation", _("Runs in the background.")))
    outcome = query("outcome", _("Filter by result."), {"type": "string", "enum": [*outcomes]})
    return {
        base: {
            "get": operation_object(
                tag, "list", _("Your operations, most recent first"),
                {"200": json_response("OperationPage")},
                parameters=[size, query("before", _("See “next”."), ID)],
            ),
            "post": operation_object(
                tag, "add", _("Run or preview an action"),
                {"200": json_response("OperationPreview", _("Preview.")),
                 "201": _with_location(json_response("Operation")), "202": begun,
                 **error_responses("409", "413", "415", "422")},
                parameters=[key], body="OperationNew",
            ),
        },
        f"{base}{{id}}": {
            "parameters": [number],
            "get": operation_object(
                tag, "show", _("Progress and result"),
                {"200": json_response("OperationWhole"), **error_responses("404")},
            ),
        },
        f"{base}{{id}}/items": {
            "parameters": [number],
            "get": operation_object(
                tag, "items", _("Results by contact"),
                {"200": json_response("OperationItems"), **error_responses("404")},
                parameters=[outcome, size, query("after", _("See “next”."), ID)],
            ),
        },
        f"{base}{{id}}/undo": {
            "parameters": [number],
            "post": operation_object(
                tag, "undo", _("Undo. Anything changed since then is not affected."),
                {"200": _with_location(json_response("Operation")), "202": begun,
                 **error_responses("404", "409", "413", "415")},
            ),
        },
        f"{base}{{id}}/cancel": {
            "parameters": [number],
            "post": operation_object(
                tag, "cancel", _("Stop. The changes made so far are kept."),
                {"202": json_response("Operation"), **error_responses("404", "409", "413", "415")},
            ),
        },
        f"{base}{{id}}/resume": {
            "parameters": [number],
            "post": operation_object(
                tag, "resume", _("Retry a failed operation from where it stopped"),
                {"202": begun, **error_responses("404", "409", "413", "415")},
            ),
        },
    }  # fmt: skip


def _with_location(found: dict[str, Any]) -> dict[str, Any]:
    """Add the Location header to the description of a response."""
    return found | {"headers": {"Location": {"schema": TEXT}}}
