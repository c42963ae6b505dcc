"""Generate forms from models: Flask-AppBuilder's converter with our own fields."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.forms import GeneralModelConverter
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy import Column, inspect
from wtforms import HiddenField, widgets

from app.crud.fields import PhotoField, SwitchField, UploadField, make_typed_field
from app.crud.interface import ScopedInterface
from app.crud.linesfield import LinesField, line_form_of
from app.crud.modelfields import ModelChoiceField, ModelMultipleChoiceField
from app.crud.widgets import HiddenInput
from app.fieldtypes import FieldType, get_field_type
from app.lines import line_column, line_relations
from app.numbers.models import Numbered
from app.repositories.models import Repository

NO_TYPE = FieldType()
_hidden_input = HiddenInput()


class LookupForm(FlaskForm):
    """A form whose model fields can be searched by a button, without JavaScript."""

    def hidden_tag(self, *fields: Any) -> Markup:
        """Return the hidden fields as WTForms does, which takes most of a millisecond for two."""
        if fields:
            return super().hidden_tag(*fields)
        hidden = (field for field in self if isinstance(field.widget, widgets.HiddenInput))
        return Markup("\n".join(_hidden_input(field) for field in hidden))

    @property
    def has_required(self) -> bool:
        """Return True if one of the fields must be filled in."""
        return any(field.flags.required for field in self)

    def validate(self, extra_validators: Any = None) -> bool:
        """Validate the form; if it was sent to search in a field, report only that field."""
        is_valid = super().validate(extra_validators)
        if any(getattr(field, "is_lookup", False) for field in self):
            for field in self:
                if not getattr(field, "is_lookup", False):
                    field.errors = []
        return is_valid


class RowForm(LookupForm):
    """A form over one row, with the version of the row it was opened on."""

    version = HiddenField()
    # A sentence shown above the form.
    notice: Any = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self:
            if types := getattr(field, "field_type", NO_TYPE).info.get("only_for"):
                # It is shown, and required, only if one of these types is chosen.
                field.shown_if = {"type": types}

    def validate(self, extra_validators: Any = None) -> bool:
        """Validate the form; what is not shown is not required."""
        for field in self:
            if (shown_if := getattr(field, "shown_if", None)) and not self._has(shown_if):
                field.flags.required = False
        return super().validate(extra_validators)

    def _has(self, conditions: dict[str, Any]) -> bool:
        """Return True if the form has one of the given values in each of some fields."""
        return all(
            name not in self or {*map(str, values)} & {*map(str, self[name].chosen_ids())}
            for name, values in conditions.items()
        )

    @classmethod
    def refresh(cls, obj: Any = None) -> RowForm:
        """Create the form; Flask-AppBuilder calls this."""
        return cls(obj=obj)

    @property
    def problems(self) -> list[tuple[Any, str]]:
        """Return (field, message) of every error."""
        return [(field, str(error)) for field in self for error in field.errors]


class FormBuilder(GeneralModelConverter):
    """Create a form class from a model's attributes."""

    datamodel: ScopedInterface

    def __init__(
        self, datamodel: ScopedInterface, route_base: str, inline: tuple[str, ...]
    ) -> None:
        super().__init__(datamodel)
        self.route_base = route_base
        self.inline = inline

    def create_form(
        self,
        label_columns=None,
        inc_columns=None,
        description_columns=None,
        validators_columns=None,
        extra_fields=None,
        filter_rel_fields=None,
    ):
        """Return the form class; the arguments are Flask-AppBuilder's."""
        form = super().create_form(
            label_columns,
            inc_columns,
            description_columns,
            validators_columns,
            extra_fields,
            filter_rel_fields,
        )
        fields = {name: getattr(form, name) for name in inc_columns or ()}
        return type("RowForm", (RowForm,), fields)

    def _convert_col(
        self, col_name, label, description, lst_validators, filter_rel_fields, form_props
    ):
        common = {"description": description}
        if (lines := line_relations(self.datamodel.obj).get(col_name)) is not None:
            form_props[col_name] = self._lines_field(lines, col_name, label, common)
        elif self.datamodel.is_relation(col_name):
            target = self.datamodel.get_related_model(col_name)
            inline = issubclass(target, Repository) or col_name in self.inline
            common |= {
                "model": target,
                "lookup": "" if inline else f"{self.route_base}/lookup/{col_name}",
            }
            if self.datamodel.is_relation_many_to_many(col_name):
                form_props[col_name] = ModelMultipleChoiceField(label, **common)
            else:
                needed = not self.datamodel.get_relation_fk(col_name).nullable
                form_props[col_name] = ModelChoiceField(label, required=needed, **common)
        else:
            form_props[col_name] = self._column_field(col_name, label, common)
        return form_props

    def _lines_field(self, model: Any, name: str, label: Any, common: dict[str, Any]) -> Any:
        """Return the field of the lines of a row, with a small form for each line."""

        def make(part: str) -> Any:
            relation = inspect(model).relationships.get(part)
            column = line_column(model, part)
            title = column.info.get("label", part) if relation is None else relation.info["label"]
            if relation is None:
                return make_column_field(column, title, is_optional=bool(column.nullable))
            target = relation.mapper.class_
            is_inline = issubclass(target, Repository)
            lookup = "" if is_inline else f"{self.route_base}/lookup/{name}.{part}"
            required = not column.nullable
            return ModelChoiceField(title, model=target, lookup=lookup, required=required)

        return LinesField(label, model=model, line_form=line_form_of(model, make), **common)

    def _is_given(self, name: str) -> bool:
        """Return True for a number, which a row gets if the field is left empty."""
        return name == "number" and issubclass(self.datamodel.obj, Numbered)

    def _column_field(self, name: str, label: Any, common: dict[str, Any]) -> Any:
        column = self.datamodel.column(name)
        is_needed = not column.nullable or bool(column.info.get("required"))
        is_optional = not is_needed or self._is_given(name)
        return make_column_field(column, label, is_optional=is_optional, **common)


def make_column_field(column: Column, label: Any, *, is_optional: bool, **common: Any) -> Any:
    """Return the form field for the values of a column; a default makes it optional too."""
    field_type = get_field_type(column)
    if field_type.form_field == "photo":
        return PhotoField(label, **common)
    if field_type.form_field == "file":
        return UploadField(label, field_type=field_type, **common)
    default = (
        column.default.arg if column.default is not None and column.default.is_scalar else None
    )
    if field_type.form_field == "switch":
        return SwitchField(label, default=default, **common)
    required = not is_optional and default is None
    return make_typed_field(field_type, label, default=default, required=required, **common)
