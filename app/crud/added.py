"""Place the fields that other rooms add to a model on its screens."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask_babel import lazy_gettext as _l

from app.added_fields import AddedField, StoredField, computed_fields, stored_fields
from app.crud.prepared import forget_statements
from app.crud.screens import registered

_MORE = _l("More details")

Fieldsets = list[tuple[Any, dict[str, Any]]]


def rebuild_screens(models: Collection[Any]) -> None:
    """Let screens and API resources show the fields that models have now."""
    forget_statements()
    for view in registered(object):
        # A resource is registered after its screen.
        if hasattr(view, "rebuild") and view.datamodel.obj in models:
            view.rebuild()


def place_added_fields(view: Any) -> None:
    """Add the added fields of a view's model to its list, filters, form and file."""
    model = view.datamodel.obj
    fields: list[type[AddedField]] = [*stored_fields(model), *computed_fields(model).values()]
    if not fields:
        return
    shown = [field.name for field in fields if field.in_list and not view.is_trash]
    view.list_columns = [*view.list_columns, *shown]
    more = [field.name for field in fields if field.name not in shown]
    view.more_columns = (*view.more_columns, *more)
    filtered = [field.name for field in fields if not field.why_not_filtered]
    view.search_columns = [*(view.search_columns or ()), *filtered]
    for field in fields:
        view.label_columns.setdefault(field.name, field.label)
        if field.help:
            view.description_columns.setdefault(field.name, field.help)
    if view.show_fieldsets:
        view.show_fieldsets = _placed(view.show_fieldsets, fields)
    stored = [field for field in fields if issubclass(field, StoredField)]
    if not view.is_trash:
        for name in ("edit_fieldsets", "add_fieldsets"):
            if fieldsets := getattr(view, name):
                setattr(view, name, _placed(fieldsets, stored))
        for name in ("edit_columns", "add_columns"):
            if columns := getattr(view, name):
                setattr(view, name, [*columns, *(field.name for field in stored)])


def _placed(fieldsets: Any, fields: list[Any]) -> Fieldsets:
    """Return fieldsets with the fields where each says it stands."""
    result: Fieldsets = [
        (title, options | {"fields": list(options["fields"])}) for title, options in fieldsets
    ]
    for field in fields:
        for _title, options in result:
            if field.after in options["fields"]:
                options["fields"].insert(options["fields"].index(field.after) + 1, field.name)
                break
        else:
            _section(result, field.section or _MORE).append(field.name)
    return result


def _section(fieldsets: Fieldsets, title: Any) -> list[str]:
    """Return the fields of the part with a title; it becomes the last part if there is none."""
    for known, options in fieldsets:
        if known is title:
            return options["fields"]
    fieldsets.append((title, {"fields": []}))
    return fieldsets[-1][1]["fields"]
