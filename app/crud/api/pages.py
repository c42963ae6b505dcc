"""The description of the API: the OpenAPI document, and what a page says of each resource."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask_appbuilder import expose
from flask_babel import gettext as _

from app.crud.api.base import Api
from app.crud.api.fields import ApiLink, ApiLinks
from app.crud.api.lines import ApiLines
from app.crud.api.openapi import document, get_tag, list_filters, required_fields
from app.crud.api.resource import READ_ONLY_FIELDS, ModelApi
from app.crud.basepage import Page
from app.crud.screens import menu_order, registered
from app.security.guard import accepts_cookies
from app.states.transitions import transitions_of


class OpenApiView(Page):
    """The OpenAPI document."""

    route_base = "/api/v1"

    @expose("/openapi.json")
    @accepts_cookies
    def openapi(self):
        """Return the OpenAPI document, in the language of the request."""
        return jsonify(document(model_apis(), other_apis()))


def model_apis() -> list[ModelApi]:
    """Return every resource over a view, in menu order."""
    return sorted(registered(ModelApi), key=lambda api: menu_order(api.screen))


def other_apis() -> list[Api]:
    """Return every other resource, in order of registration."""
    return registered(Api)


def describe_other(api: Api) -> dict[str, Any]:
    """Return what a page says of a resource that is over no view."""
    return {
        "name": api.resource_name,
        "label": api.label,
        "icon": api.icon,
        "help": api.help,
        "examples": api.examples,
        "ways": [
            (method.upper(), path, way["summary"])
            for path, ways in api.paths().items()
            for method, way in ways.items()
            if method != "parameters"
        ],
    }


def describe_resource(api: ModelApi) -> dict[str, Any]:
    """Return what a page says of a resource over a view: its fields, filters and orders."""
    required_names = required_fields(api)
    return {
        "name": get_tag(api),
        "label": api.screen.label,
        "icon": api.screen.icon,
        "url": api.route_base,
        "fields": [
            {
                "name": name,
                "label": field.label if name not in READ_ONLY_FIELDS else _read_only_label(name),
                "kind": _describe_type(field),
                "is_required": name in required_names,
                "is_given": name in api.read_only(),
            }
            for name, field in api.fields.items()
        ],
        "filters": [
            (name, label, [(f"{name}__{filter_.arg_name}", filter_.name) for filter_ in filters])
            for name, label, filters in list_filters(api)
        ],
        "sorts": list(api.screen.table.sorts),
        "transitions": [
            (f"{api.route_base}/{{id}}/{kind.transition_name()}", kind.label)
            for kind in transitions_of(api.datamodel.obj)
        ],
    }


def _read_only_label(name: str) -> str:
    return {
        "id": _("ID"),
        "version": _("Version"),
        "created_at": _("Created"),
        "updated_at": _("Changed"),
    }[name]


def _describe_type(field: Any) -> str:
    """Describe the values of a field in words."""
    if isinstance(field, ApiLink):
        return _("link: an ID, or {“id”: number}")
    if isinstance(field, ApiLinks):
        return _("list of IDs")
    if isinstance(field, ApiLines):
        return _("list of objects: %(names)s", names=", ".join(field.model.fields))
    return field.field_type.describe()
