"""Form fields by field type; text that cannot be parsed stays in the field with its error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import String
from wtforms import Field, FileField
from wtforms.validators import ValidationError

from app import organisation
from app.crud.widgets import (
    DateWidget,
    MomentWidget,
    NumberInput,
    OptionWidget,
    ProvinceWidget,
    SwitchWidget,
    TextArea,
    TypedInput,
)
from app.errors import DomainError
from app.fieldtypes import FieldType, Hints
from app.i18n.formats import decimal_sign, is_day_first
from app.i18n.places import province_of_postcode
from app.text import clean

REQUIRED = _l("This field is required.")


class TypedField(Field):
    """A field whose value is parsed and formatted by a field type."""

    def __init__(
        self, label: Any, *, field_type: FieldType, required: bool, **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.field_type = field_type
        self.typed: str | None = None
        if required:
            self.flags.required = True
        # A name that is typed may be longer than the code that is stored.
        if field_type.max_length and field_type.is_text:
            self.flags.maxlength = field_type.max_length

    def process_formdata(self, valuelist: list[str]) -> None:
        # A field that is missing from the request keeps its value.
        if valuelist:
            self.typed = self.data = valuelist[0]

    def _value(self) -> str:
        """Return the text of the input: what was typed, else the formatted value."""
        data = self.data
        if self.typed is not None:
            if not is_stored_form(self):
                return self.typed
            try:
                data = self.field_type.parse(self.typed, STORED)
            except DomainError:
                return self.typed
        return "" if data is None else self.field_type.edit(data)

    def pre_validate(self, form: Any) -> None:
        if self.typed is not None and self._is_left_alone():
            self.data = self.object_data
        elif self.typed is not None:
            try:
                self.data = self.field_type.parse(self.typed, get_hints(form, self.field_type))
            except DomainError as error:
                raise ValidationError(str(error)) from None
            self._validate_new_value()
        if self.data is None:
            column = self.field_type.column
            if self.flags.required:
                info = {} if column is None else column.info
                raise ValidationError(str(info.get("required_message", REQUIRED)))
            if column is not None and not column.nullable and isinstance(column.type, String):
                self.data = ""

    def _is_left_alone(self) -> bool:
        """Return True if the text is that of the stored value, which may say more than it shows."""
        stored = self.object_data
        return stored not in (None, "") and clean(self.typed or "") == self.field_type.edit(stored)

    def _validate_new_value(self) -> None:
        """Refuse a value that cannot be true, unless it was stored before."""
        if self.data is not None and self.data != self.object_data:
            try:
                self.field_type.validate(self.data)
            except DomainError as error:
                raise ValidationError(str(error)) from None


# How a field type writes a value: the same for every reader.
STORED = Hints(country="", decimal_sign=".", is_strict=True)


def is_stored_form(form: Any) -> bool:
    """Return True for a form, or a field of one, that is filled with values as they are stored."""
    return getattr(form.meta, "is_stored", False)


def get_hints(form: Any, field_type: FieldType) -> Hints:
    """Return the country chosen in the form, else the organisation's, to parse a value with."""
    column = field_type.column
    name = (column.info.get("country") if column is not None else None) or "country"
    chosen = form[name].typed if name in form and hasattr(form[name], "typed") else None
    if not chosen and name in form and isinstance(form[name].data, str):
        chosen = form[name].data
    country = (chosen or organisation.country()).upper()[:2]
    if is_stored_form(form):
        return replace(STORED, country=country)
    return Hints(country, is_day_first(), decimal_sign(), is_strict=True)


class ChoiceField(TypedField):
    """A ``<select>`` of codes: a choice, a colour, a country."""

    widget = OptionWidget()

    def options(self) -> list[tuple[str, str, bool]]:
        """Return (code, label, chosen)."""
        return self._offered({self._value()})

    def _offered(self, chosen: set[str]) -> list[tuple[str, str, bool]]:
        """Return the options; those that are not available any more only if they are chosen."""
        hidden = self.field_type.info.get("hidden", ())
        options = self.field_type.options().items()
        return [
            (code, label, code in chosen)
            for code, label in options
            if code in chosen or code not in hidden
        ]


class ChoicesField(ChoiceField):
    """Any number of codes, ticked in a list."""

    widget = OptionWidget(multiple=True)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            codes = [value for value in valuelist if value]
            is_stored = len(codes) == 1 and codes[0].startswith("|")
            self.typed = self.data = codes[0] if is_stored else "".join(f"|{c}|" for c in codes)

    def options(self) -> list[tuple[str, str, bool]]:
        """Return (code, label, chosen)."""
        return self._offered(set(self._value().strip("|").split("||")))

    def chosen_ids(self) -> list[str]:
        """Return the codes that are chosen."""
        return [code for code, _label, is_chosen in self.options() if is_chosen]


class ProvinceField(TypedField):
    """A province: the name is typed, the code is stored."""

    widget = ProvinceWidget()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.form_ = kwargs.get("_form")
        super().__init__(*args, **kwargs)

    def country(self) -> str:
        """Return the country whose provinces are suggested."""
        if self.form_ is None:
            return organisation.country()
        return get_hints(self.form_, self.field_type).country

    def pre_validate(self, form: Any) -> None:
        self.form_ = form
        super().pre_validate(form)
        if self.data in (None, "") and self.typed is not None:
            self.data = self._province_of_postcode(form) or self.data

    def _province_of_postcode(self, form: Any) -> str | None:
        """Return the province of the postcode typed in the same form, or None."""
        name = self.field_type.column.info.get("postcode", "postcode")
        if name not in form or not getattr(form[name], "typed", None):
            return None
        hints = get_hints(form, self.field_type)
        try:
            parsed = form[name].field_type.parse(form[name].typed, hints)
        except DomainError:
            return None
        return province_of_postcode(parsed or "", hints.country)


class SwitchField(Field):
    """A boolean as a switch; a missing field keeps its value, unlike WTForms' BooleanField."""

    widget = SwitchWidget()
    false_values = (False, "false", "", "0")

    def process_data(self, value: Any) -> None:
        self.data = bool(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = valuelist[-1] not in self.false_values

    def _value(self) -> str:
        return "1"


class PhotoField(FileField):
    """A picture to upload; ``data`` is the upload, or None for no change."""

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.current: str | None = None

    def process_data(self, value: Any) -> None:
        self.current = value
        self.data = None

    def populate_obj(self, obj: Any, name: str) -> None:
        """Do nothing: the view stores the file."""


class UploadField(PhotoField):
    """A file to upload. The form of a duplicate offers to copy that of the row it copies."""

    def __init__(self, label: Any, *, field_type: FieldType, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.field_type = field_type

    @property
    def current_name(self) -> str:
        """Return the name of the file there is."""
        return self.field_type.show(self.current)

    @property
    def accept(self) -> str:
        """Return which files a browser offers."""
        types = self.field_type.info["file_rules"]().types
        return ",".join(suffix for kind in types for suffix in kind.suffixes)

    def limits(self) -> tuple[str, int]:
        """Return which types are taken, and how many MB at most."""
        rules = self.field_type.info["file_rules"]()
        return ", ".join(kind.label for kind in rules.types), rules.max_bytes // 1_000_000


# By the field type's ``form_field``: the class of the field and its widget.
_FIELDS: dict[str, tuple[type[TypedField], Any]] = {
    "typed": (TypedField, TypedInput()),
    "lines": (TypedField, TextArea()),
    "whole": (TypedField, NumberInput()),
    "date": (TypedField, DateWidget()),
    "moment": (TypedField, MomentWidget()),
    "choice": (ChoiceField, OptionWidget()),
    "choices": (ChoicesField, OptionWidget(multiple=True)),
    "province": (ProvinceField, ProvinceWidget()),
}


def make_typed_field(field_type: FieldType, label: Any, **kwargs: Any) -> Any:
    """Return the form field for a field type."""
    field_class, widget = _FIELDS[field_type.form_field]
    return field_class(label, field_type=field_type, widget=widget, **kwargs)
