"""Names of Flask-AppBuilder that our views and APIs ignore, and what to write instead.

A class that sets one of them fails at its creation: ``base_filters`` that nobody applies, for
instance, would show every row.
"""

from __future__ import annotations

from collections.abc import Mapping

_SCOPE = (
    "give the model a classmethod `scope(actor)`, which every page, picker and API applies; "
    "a list over a part of the rows has `datamodel.where(condition)`"
)
_MESSAGE = "the messages are written in crud/formpages.py and crud/showpages.py"
_TEMPLATE = "set {name}_template, or override a block of its template"
_BEFORE_SAVE = "override `before_save(row, form)`; the id of a new row is None there"
_AFTER_SAVE = "override `after_save(row, form)`, which runs before the commit"
_BEFORE_DELETE = "override `why_not_deleted(row)` and return the reason to refuse"
_RELATED = "restrict the rows with `scope(actor)` of the related model"
_VIEW = "the fields, filters and labels are those of `view`: change the view"
_OPENAPI = "the OpenAPI document is generated in crud/api/openapi.py"
_API_OPENAPI = "describe the resource in `schemas()` and `paths()`"
_REST = "this API has GET, POST, PATCH and DELETE only"
_SYNC = "`flask sync` removes outdated permissions; rename stored ones in a migration"

IGNORED_BY_PAGE: Mapping[str, str] = {
    "limits": "Flask-Limiter is off: count attempts with security.throttle",
    "method_permission_name": "put @permission_name on the method",
    "previous_class_permission_name": _SYNC,
    "previous_method_permission_name": _SYNC,
}

IGNORED_BY_MODEL_VIEW: Mapping[str, str] = {
    **IGNORED_BY_PAGE,
    "add_form_query_rel_fields": _RELATED,
    "add_integrity_error_message": _MESSAGE,
    "add_row_message": _MESSAGE,
    "add_widget": _TEMPLATE.format(name="add"),
    "base_filters": _SCOPE,
    "base_order": "set `base_sort`, such as `base_sort = '-created_at'`",
    "database_error_message": _MESSAGE,
    "delete_integrity_error_message": _MESSAGE,
    "delete_row_message": _MESSAGE,
    "download": "the route is excluded, because it ignores the scope: give yours another name",
    "edit_form_query_rel_fields": _RELATED,
    "edit_integrity_error_message": _MESSAGE,
    "edit_row_message": _MESSAGE,
    "edit_title": "the title is `str(row)`",
    "edit_widget": _TEMPLATE.format(name="edit"),
    "formatters_columns": "override `show` of the column's field type, or subclass ListColumn",
    "is_get_mutation_allowed": "rows are changed by POST requests only",
    "list_widget": _TEMPLATE.format(name="list"),
    "page_size": "the page size is a preference of the user: see SIZES in crud/listing.py",
    "post_add": _AFTER_SAVE,
    "post_add_redirect": "override `after_save_redirect(row)`",
    "post_delete": "override `remove(row)`",
    "post_delete_redirect": "override `delete(pk)`",
    "post_edit_redirect": "override `after_save_redirect(row)`",
    "post_update": _AFTER_SAVE,
    "pre_add": _BEFORE_SAVE,
    "pre_delete": _BEFORE_DELETE,
    "pre_update": _BEFORE_SAVE,
    "prefill_form": "override `make_edit_form(row)`, or `defaults()` for a new row",
    "process_form": _BEFORE_SAVE,
    "related_views": "subclass crud.tabs.Tab with this model",
    "search_form": "the filter dialog is generated from `search_columns`",
    "search_form_extra_fields": "add a filter to FilterConverter in crud/filters.py",
    "search_form_query_rel_fields": _RELATED,
    "search_widget": "the template of the filter dialog is crud/filters.html",
    "show_title": "the title is `str(row)`",
    "show_widget": _TEMPLATE.format(name="show"),
    "title": "set `label`",
    "validators_columns": "write a `states.rules.Rule` of the model",
}

_IGNORED_BY_ANY_API: Mapping[str, str] = {
    **IGNORED_BY_PAGE,
    "add_api_spec": _OPENAPI,
    "add_apispec_components": _OPENAPI,
    "allow_browser_login": "programs use an API key; mark a route for browsers @with_cookies",
    "apispec_parameter_schemas": _OPENAPI,
    "openapi_spec_component_schemas": _OPENAPI,
    "openapi_spec_methods": _OPENAPI,
    "openapi_spec_tag": _OPENAPI,
    "operation_helper": _OPENAPI,
    "path_helper": _OPENAPI,
    "responses": _OPENAPI,
}

IGNORED_BY_API: Mapping[str, str] = {
    name: _API_OPENAPI if advice == _OPENAPI else advice
    for name, advice in _IGNORED_BY_ANY_API.items()
}

IGNORED_BY_MODEL_API: Mapping[str, str] = {
    **_IGNORED_BY_ANY_API,
    **dict.fromkeys(
        (
            "add_columns", "add_exclude_columns", "add_title", "class_permission_name",
            "datamodel", "description_columns", "edit_columns", "edit_exclude_columns",
            "edit_title", "label_columns", "list_columns", "list_exclude_columns",
            "list_outer_default_load", "list_select_columns", "list_title", "order_columns",
            "order_rel_fields", "resource_name", "search_columns", "search_exclude_columns",
            "search_filters", "show_columns", "show_exclude_columns", "show_outer_default_load",
            "show_select_columns", "show_title",
        ),
        _VIEW,
    ),
    **dict.fromkeys(
        (
            "add_model_schema", "add_model_schema_name", "edit_model_schema",
            "edit_model_schema_name", "list_model_schema", "list_model_schema_name",
            "model2schemaconverter", "show_model_schema", "show_model_schema_name",
            "validators_columns",
        ),
        "the forms of `view` validate: change its form fields, or write a `states.rules.Rule`",
    ),
    **dict.fromkeys(
        (
            "merge_add_field_info", "merge_add_title", "merge_current_user_permissions",
            "merge_description_columns", "merge_edit_field_info", "merge_edit_title",
            "merge_label_columns", "merge_list_columns", "merge_list_label_columns",
            "merge_list_title", "merge_order_columns", "merge_search_filters",
            "merge_show_columns", "merge_show_label_columns", "merge_show_title",
            "set_response_key_mappings",
        ),
        _OPENAPI,
    ),
    **dict.fromkeys(
        (
            "delete_headless", "get_headless", "get_list_headless", "info", "info_headless",
            "post_headless", "put", "put_headless",
        ),
        _REST,
    ),
    "add_query_rel_fields": _RELATED,
    "base_filters": _SCOPE,
    "base_order": "set `base_sort` of `view`",
    "edit_query_rel_fields": _RELATED,
    "max_page_size": "the page sizes are SIZES in crud/listing.py",
    "page_size": "the page sizes are SIZES in crud/listing.py",
    "post_add": f"in the view, {_AFTER_SAVE}",
    "post_delete": "in the view, override `remove(row)`",
    "post_update": f"in the view, {_AFTER_SAVE}",
    "pre_add": f"in the view, {_BEFORE_SAVE}",
    "pre_delete": f"in the view, {_BEFORE_DELETE}",
    "pre_get": "the fields of a response are those of the view's forms",
    "pre_get_list": "the fields of a response are those of the view's forms",
    "pre_update": f"in the view, {_BEFORE_SAVE}",
}  # fmt: skip


def refuse_ignored_names(cls: type, base: type, ignored: Mapping[str, str]) -> None:
    """Raise TypeError if a class, or a mixin that it adds to ``base``, sets an ignored name."""
    for added in cls.__mro__:
        if added in base.__mro__:
            continue
        for name, advice in ignored.items():
            if name in vars(added):
                raise TypeError(
                    f"{cls.__name__}.{name} would be ignored, unlike in Flask-AppBuilder: "
                    f"{advice}."
                )
