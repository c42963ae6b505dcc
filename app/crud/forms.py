"""Forms made from models: Flask-AppBuilder's converter, with the house's fields."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.forms import GeneralModelConverter
from flask_wtf import FlaskForm
from wtforms import HiddenField

from app.crud.fields import (
    WIDGETS,
    CodeField,
    FlagField,
    KindField,
    LinkField,
    LinksField,
    PhotoField,
    ProvinceField,
)
from app.crud.interface import Interface
from app.repositories.models import Repository

FIELDS = {
    "choice": CodeField,
    "colour": CodeField,
    "country": CodeField,
    "province": ProvinceField,
}


class FindingForm(FlaskForm):
    """A form in which rows to link to can be looked up by a button, without JavaScript."""

    def validate(self, extra_validators: Any = None) -> bool:
        """Check the form; one sent to look something up is not blamed for what is not typed yet."""
        is_valid = super().validate(extra_validators)
        if any(getattr(field, "is_finding", False) for field in self):
            for field in self:
                if not getattr(field, "is_finding", False):
                    field.errors = []
        return is_valid


class RowForm(FindingForm):
    """A form over one row; carries the version of the row it was opened on."""

    version = HiddenField()
    # A sentence above the form, for the reader.
    remark: Any = ""

    @classmethod
    def refresh(cls, obj: Any = None) -> RowForm:
        """Make the form; what Flask-AppBuilder calls."""
        return cls(obj=obj)

    @property
    def problems(self) -> list[tuple[Any, str]]:
        """Return (field, message) of everything that is wrong."""
        return [(field, str(error)) for field in self for error in field.errors]


class FormBuilder(GeneralModelConverter):
    """Makes a form class from a model's attributes."""

    datamodel: Interface

    def __init__(self, datamodel: Interface, route_base: str, inline: tuple[str, ...]) -> None:
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
        if self.datamodel.is_relation(col_name):
            target = self.datamodel.get_related_model(col_name)
            inline = issubclass(target, Repository) or col_name in self.inline
            common |= {
                "model": target,
                "lookup": "" if inline else f"{self.route_base}/lookup/{col_name}",
            }
            if self.datamodel.is_relation_many_to_many(col_name):
                form_props[col_name] = LinksField(label, **common)
            else:
                needed = not self.datamodel.get_relation_fk(col_name).nullable
                form_props[col_name] = LinkField(label, required=needed, **common)
        else:
            form_props[col_name] = self._plain(col_name, label, common)
        return form_props

    def _plain(self, name: str, label: Any, common: dict[str, Any]) -> Any:
        kind = self.datamodel.kind(name)
        column = self.datamodel.column(name)
        if kind.name == "photo":
            return PhotoField(label, **common)
        default = (
            column.default.arg if column.default is not None and column.default.is_scalar else None
        )
        if kind.name == "flag":
            return FlagField(label, default=default, **common)
        common |= {
            "kind": kind,
            "default": default,
            "required": not column.nullable and default is None,
        }
        if kind.name in FIELDS:
            return FIELDS[kind.name](label, **common)
        return KindField(label, widget=WIDGETS[kind.name], **common)
