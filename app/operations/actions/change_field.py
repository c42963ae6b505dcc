"""Collective actions that change stored fields which rooms add to a model."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from app.added_fields import StoredField
from app.crud.forms import make_column_field
from app.operations.actionbase import Action, ActionForm
from app.operations.batch import Batch


class ChangeField(Action, abstract=True):
    """Set a stored field of rows, or empty it."""

    field: ClassVar[type[StoredField]]
    icon = "pencil"
    order = 40

    def apply(self, batch: Batch) -> None:
        batch.set(getattr(self.model, self.field.name), getattr(self.answers, "value", None))


def make_action(field: type[StoredField]) -> None:
    """Create the action that changes a stored field; defining the class registers it."""
    if not field.has_action:
        return
    column = field.column.column
    value = make_column_field(column, field.label, is_optional=bool(column.nullable))
    form = type("Form", (ActionForm,), {"value": value, "__module__": __name__})
    body: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": f"Change the field {field.name}.",
        "field": field,
        "model": field.model,
        "label": _l("Change “%(field)s”", field=field.label),
        "button": _l("Change %(rows)s"),
        "Form": form,
    }
    type(f"Change{field.name.title().replace('_', '')}", (ChangeField,), body)


StoredField.follow(make_action)
