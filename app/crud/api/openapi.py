"""Generate the OpenAPI 3.1 document from the views and their forms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from app.crud.api.base import Api
from app.crud.api.fields import LINK_SCHEMAS
from app.crud.api.resource import ModelApi
from app.crud.api.schemas import (
    ID,
    content,
    error_responses,
    json_response,
    object_schema,
    operation_object,
    problem_schema,
    query,
    ref,
    responses,
)
from app.crud.api.transitions import request_schema
from app.crud.filterbase import SEPARATOR
from app.crud.listing import SIZES
from app.search.models import Searchable
from app.search.parsing import MAX_QUERY_LENGTH
from app.states.transitions import Transition, transitions_of

# JSON schemas of filter values, by the input of the filter.
INPUT_SCHEMAS: dict[str, dict[str, Any]] = {
    "text": {"type": "string", "minLength": 1, "maxLength": 200},
    "day": {"type": "string", "format": "date"},
    "whole": {"type": "integer", "minimum": -999_999_999, "maximum": 999_999_999},
    "number": {"type": "string", "pattern": r"^-?\d{1,16}(\.\d{1,16})?$"},
    "pick": {"type": "string", "pattern": r"^\d{1,9}(,\d{1,9}){0,49}$"},
    "none": {"type": "string", "enum": ["1"]},
}


def document(apis: Iterable[ModelApi], others: Iterable[Api]) -> dict[str, Any]:
    """Return the OpenAPI document of all resources."""
    apis, others = list(apis), list(others)
    schemas: dict[str, Any] = dict(LINK_SCHEMAS) | {"Problem": problem_schema()}
    paths: dict[str, Any] = {}
    for api in apis:
        schemas |= resource_schemas(api)
        paths |= resource_paths(api)
    for other in others:
        schemas |= other.schemas()
        paths |= other.paths()
    tags = [(get_tag(api), api.screen.label) for api in apis]
    tags += [(other.resource_name, other.label) for other in others]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": current_app.config["APP_NAME"],
            "version": current_app.config["VERSION"],
            "description": _(
                "Everything you can do in the back-office, from other programs: same rights, same data, same rules."
            ),
        },
        "servers": [{"url": current_app.config["PUBLIC_URL"]}],
        "security": [{"key": []}],
        "tags": [{"name": name, "description": str(label)} for name, label in tags],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": _("Personal API key: padron_…"),
                }
            },
            "schemas": schemas,
            "responses": responses(),
        },
    }


def get_tag(api: ModelApi) -> str:
    """Return the OpenAPI tag of a resource: its name in the URL."""
    return str(api.resource_name)


def schema_name(api: ModelApi) -> str:
    """Return the name of the schema of a row."""
    return str(api.datamodel.obj.__name__)


def resource_schemas(api: ModelApi) -> dict[str, Any]:
    """Return the schemas of a resource: row, new row, change, page and conflict."""
    name = schema_name(api)
    transitions = {
        transition_schema_name(api, kind): object_schema(*request_schema(kind))
        for kind in transitions_of(api.datamodel.obj)
    }
    fields = {key: response_field(api, key) for key in api.fields}
    change = request_fields(api, is_new=False)
    change["version"] = ID | {"description": _("The version you last read.")}
    return transitions | {
        name: object_schema(fields, list(fields)),
        f"{name}New": object_schema(request_fields(api, is_new=True), required_fields(api)),
        f"{name}Change": object_schema(change, []),
        f"{name}Page": object_schema(
            {
                "results": {"type": "array", "items": ref(name), "maxItems": max(SIZES)},
                "next": {"type": ["string", "null"]},
                "previous": {"type": ["string", "null"]},
                "count": {"type": "integer", "minimum": 0},
                "count_is_capped": {"type": "boolean"},
            },
            ["results", "next", "previous", "count", "count_is_capped"],
        ),
        f"{name}Conflict": object_schema(
            {**problem_schema()["properties"], "current": ref(name)}, ["error", "fields"]
        ),
    }


def transition_schema_name(api: ModelApi, kind: type[Transition]) -> str:
    """Return the name of the schema of what a transition asks."""
    return f"{schema_name(api)}{kind.__name__}"


def response_field(api: ModelApi, name: str) -> dict[str, Any]:
    """Return the schema of a field in a response."""
    schema = api.fields[name].response_schema()
    return schema | {"readOnly": True} if name in api.read_only() else schema


def request_fields(api: ModelApi, *, is_new: bool) -> dict[str, Any]:
    """Return the schemas of the fields that a request may set."""
    form_class = api.screen.add_form if is_new else api.screen.edit_form
    form = form_class(formdata=None, meta={"csrf": False})
    schemas = {}
    for name in api.settable(is_new):
        schema = api.fields[name].request_schema(bool(form[name].flags.required))
        if help_text := api.screen.description_columns.get(name):
            schema = schema | {"description": str(help_text)}
        schemas[name] = schema
    return schemas


def required_fields(api: ModelApi) -> list[str]:
    """Return the names of the fields that a new row requires."""
    form = api.screen.add_form(formdata=None, meta={"csrf": False})
    given = api.screen.defaults()
    return [
        name
        for name in api.settable(is_new=True)
        if form[name].flags.required and name not in given
    ]


def resource_paths(api: ModelApi) -> dict[str, Any]:
    """Return the path items of a resource."""
    name, tag = schema_name(api), get_tag(api)
    number = {"name": "id", "in": "path", "required": True, "schema": ID}
    match = {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string"},
        "description": _("The version you last read."),
    }
    conflict = {
        "description": _("Someone else has changed it."),
        "content": content(f"{name}Conflict"),
    }
    transitions = {
        f"{api.route_base}/{{id}}/{kind.transition_name()}": {
            "parameters": [number],
            "post": operation_object(
                tag, kind.transition_name().replace("-", "_"), str(kind.label),
                {"200": json_response(name), "409": conflict,
                 **error_responses("404", "413", "415", "422")},
                parameters=[match], body=transition_schema_name(api, kind),
            ),
        }
        for kind in transitions_of(api.datamodel.obj)
    }  # fmt: skip
    return transitions | {
        f"{api.route_base}/": {
            "get": operation_object(
                tag, "list", _("List and search"), {"200": json_response(f"{name}Page"), **error_responses("503")},
                parameters=parameters(api),
            ),
            "post": operation_object(
                tag, "add", _("Add"),
                {"201": json_response(name), "409": conflict, **error_responses("413", "415", "422")},
                body=f"{name}New",
            ),
        },
        f"{api.route_base}/{{id}}": {
            "parameters": [number],
            "get": operation_object(
                tag, "show", _("View"), {"200": json_response(name), **error_responses("404")}
            ),
            "patch": operation_object(
                tag, "edit", _("Edit"),
                {"200": json_response(name), "409": conflict,
                 **error_responses("404", "413", "415", "422")},
                parameters=[match], body=f"{name}Change",
            ),
            "delete": operation_object(
                tag, "delete", _("Move to trash, or delete if there is no trash"),
                {"204": {"description": _("Done.")}, "409": conflict,
                 **error_responses("404", "422")},
                parameters=[match],
            ),
        },
    }  # fmt: skip


def parameters(api: ModelApi) -> list[dict[str, Any]]:
    """Return the query parameters of a list: order, page, search and every filter."""
    screen = api.screen
    sorts = [sign + name for name in screen.table.sorts for sign in ("", "-")]
    result = [
        query(
            "sort",
            _("Sort order; prefix with a minus to reverse it."),
            {"type": "string", "enum": sorts},
        ),
        query("size", _("Results per page."), {"type": "integer", "enum": list(SIZES)}),
        query("after", _("See “next”."), {"type": "string"}),
        query("before", _("See “previous”."), {"type": "string"}),
    ]
    if issubclass(api.datamodel.obj, Searchable):
        text = _("Text to search for.")
        result.append(query("q", text, {"type": "string", "maxLength": MAX_QUERY_LENGTH}))
    for column, label, filters in list_filters(api):
        for filter_ in filters:
            schema = INPUT_SCHEMAS.get(filter_.asks) or _choices_schema(filter_)
            result.append(
                query(f"{column}{SEPARATOR}{filter_.arg_name}", f"{label}: {filter_.name}", schema)
            )
    return result


def list_filters(api: ModelApi) -> list[tuple[str, str, list[Any]]]:
    """Return (attribute, label, filters) of every attribute that a list can be filtered by."""
    table = api.screen.table
    return [
        (name, str(table.get_label(name)), filters)
        for name in table.filters
        if (filters := table.get_filters(name))
    ]


def _choices_schema(filter_: Any) -> dict[str, Any]:
    codes = [str(code) for code in filter_.options()]
    return {"type": "string", "minLength": 1, "x-codes": codes}
