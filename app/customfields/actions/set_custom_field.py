"""Set a custom field of many rows, or empty it."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import Column, String

from app.crud.forms import make_column_field
from app.customfields.slots import FOLLOWERS, SlotField
from app.operations.actionbase import Action, ActionForm
from app.operations.batch import Batch
from app.subjects import Customizable, marked

# The field of the form that says which custom field is set.
FIELD = "field"


class CustomValueForm(ActionForm):
    """Asks for a custom field and for its value; the fields not chosen are left out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self:
            if field.name.startswith("custom_"):
                field.shown_if = {FIELD: [field.name]}

    def validate(self, extra_validators: Any = None) -> bool:
        """Validate the choice and its value alone."""
        chosen = self[FIELD].typed
        for name in [field.name for field in self if field.name.startswith("custom_")]:
            if name != chosen and chosen in self:
                del self[name]
        return super().validate(extra_validators)


class SetCustomField(Action):
    """Set a custom field of rows, or empty it."""

    model = Customizable
    label = _l("Set a custom field")
    icon = "ui-checks"
    order = 42
    button = _l("Change %(rows)s")
    help = _l(
        "The fields are defined under Settings → Custom fields. Leave the value blank to empty the field."
    )
    Form: ClassVar[type[ActionForm]] = CustomValueForm

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        follow_fields(cls)

    def apply(self, batch: Batch) -> None:
        name = getattr(self.answers, FIELD)
        batch.set(getattr(self.model, name), getattr(self.answers, name, None))


def follow_fields(action: Any) -> None:
    """Let the form of the action ask for the custom fields that its model has now."""
    # A file belongs to one row.
    fields = [
        field
        for field in SlotField.all()
        if field.model is action.model and field.info.get("kind") != "file"
    ]
    chooser: Column = Column(
        FIELD,
        String(40),
        info={"kind": "choice", "choices": {field.name: field.label for field in fields}},
    )
    values = {
        field.name: make_column_field(field.slot_column, field.label, is_optional=True)
        for field in fields
    }
    names = {FIELD: make_column_field(chooser, _l("Custom field"), is_optional=False), **values}
    body = {"model": action.model, "__module__": __name__, **names}
    action.Form = type("Form", (CustomValueForm,), body)


def _follow_all() -> None:
    for model in marked(Customizable):
        follow_fields(SetCustomField.on(model))


FOLLOWERS.append(_follow_all)
