"""The OpenAPI description of imports."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from app.crud.api.schemas import (
    error_responses,
    json_response,
    object_schema,
    operation_object,
    query,
)
from app.crud.listing import SIZES
from app.importexport.report import OUTCOMES

STATES = ("uploaded", "checking", "checked", "importing", "imported", "failed")
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_TEXTS = {"type": "array", "items": _TEXT}
_FLAG = {"type": "boolean"}


def import_schemas() -> dict[str, Any]:
    """Return the schemas of an import, its confirmation and its problems."""
    shown = {
        "token": _TEXT,
        "resource": _TEXT,
        "name": _TEXT,
        "state": {"type": "string", "enum": [*STATES]},
        "error": _TEXT,
        "plan_hash": {"type": ["string", "null"]},
        "rows": _COUNT,
        **dict.fromkeys(OUTCOMES, _COUNT),
        "restored": _COUNT,
        "matched": {"type": "object", "additionalProperties": _COUNT},
        "mapping": {"type": "object", "additionalProperties": _TEXT},
        "ignored": _TEXTS,
        "missing": _TEXTS,
        "encoding": _TEXT,
        "delimiter": _TEXT,
        "country": _TEXT,
        "operation": {"type": ["integer", "null"]},
        "undo_state": {"type": ["string", "null"]},
        "url": _TEXT,
        "problems": _TEXT,
    }
    one = {
        "row": _COUNT, "outcome": {"type": "string", "enum": [*OUTCOMES]}, "field": _TEXT,
        "cell": {"type": ["string", "null"]}, "reason": _TEXT,
    }  # fmt: skip
    page = {
        "results": {"type": "array", "items": object_schema(one, [*one]), "maxItems": max(SIZES)},
        "next": {"type": ["string", "null"]},
    }
    return {
        "Import": object_schema(shown, [*shown]),
        "ImportRequest": object_schema({"plan_hash": _TEXT}, ["plan_hash"]),
        "ImportProblems": object_schema(page, [*page]),
    }


def import_paths(resources: list[str]) -> dict[str, Any]:
    """Return the paths of imports, with the methods of each."""
    tag, base = "imports", "/api/v1/imports/"
    token = {"name": "token", "in": "path", "required": True, "schema": _TEXT}
    located = {"headers": {"Location": {"schema": _TEXT}}}
    begun = json_response("Import", _("Runs in the background.")) | located
    uploaded = operation_object(
        tag, "add", _("Upload a file and check it; nothing is imported yet"),
        {"201": json_response("Import") | located, "202": begun, **error_responses("413", "422")},
        parameters=_parameters(resources),
    )  # fmt: skip
    binary = {"schema": {"type": "string", "format": "binary"}}
    uploaded["requestBody"] = {
        "required": True,
        "content": {"text/csv": binary, "application/octet-stream": binary},
    }
    return {
        base: {"post": uploaded},
        f"{base}{{token}}": {
            "parameters": [token],
            "get": operation_object(
                tag, "show", _("Progress and result"),
                {"200": json_response("Import"), **error_responses("404")},
            ),
        },
        f"{base}{{token}}/problems": {
            "parameters": [token],
            "get": operation_object(
                tag, "problems", _("What is wrong with the rows that are not imported"),
                {"200": json_response("ImportProblems"), **error_responses("404")},
                parameters=[
                    query("size", _("Results per page."), {"type": "integer", "enum": list(SIZES)}),
                    query("after", _("See “next”."), {"type": "integer", "minimum": 1}),
                ],
            ),
        },
        f"{base}{{token}}/run": {
            "parameters": [token],
            "post": operation_object(
                tag, "run", _("Import what was checked"),
                {"200": json_response("Import") | located, "202": begun,
                 **error_responses("404", "409", "413", "415", "422")},
                body="ImportRequest",
            ),
        },
        f"{base}{{token}}/undo": {
            "parameters": [token],
            "post": operation_object(
                tag, "undo", _("Undo. Anything changed since then is not affected."),
                {"200": json_response("Import") | located, "202": begun,
                 **error_responses("404", "409", "413", "415")},
            ),
        },
    }  # fmt: skip


def _parameters(resources: list[str]) -> list[dict[str, Any]]:
    pair = {"type": "array", "items": {"type": "string", "pattern": "="}}
    return [
        query("resource", _("What the rows of the file are."),
              {"type": "string", "enum": resources}) | {"required": True},
        query("name", _("The name of the file."), {"type": "string", "maxLength": 200}),
        query("map", _("Which field a column is, as Header=field; an empty field leaves it out."),
              pair),
        query("policy", _("What a column does to what is there, as Header=policy."), pair),
        query("match", _("How rows find what they update first."), _TEXT),
        query("entity", _("The entity of new rows: a name or an ID."), _TEXT),
        query("doubtful", _("What becomes of rows that contradict what they match."),
              {"type": "string", "enum": ["leave", "new"]}),
        query("create_values", _("Create values that don’t exist yet."), _FLAG),
        query("restore", _("Restore and update what is in the trash."), _FLAG),
        query("country", _("The country of phone numbers without a prefix."), _TEXT),
        query("day_order", _("The order of dates. By default it is detected."),
              {"type": "string", "enum": ["dmy", "mdy"]}),
        query("encoding", _("By default it is detected."), _TEXT),
        query("delimiter", _("By default it is detected."), _TEXT),
    ]  # fmt: skip
