"""The HTML of inputs: selects, texts, dates, switches.

WTForms' own widgets wrap every attribute in ``Markup`` several times, which takes most of the
time of a long form; these escape each attribute once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape
from wtforms import widgets
from wtforms.widgets.core import clean_key

from app import organisation
from app.i18n.formats import date_pattern, is_day_first
from app.i18n.languages import current_language
from app.i18n.places import provinces

_clean_key = lru_cache(maxsize=512)(clean_key)


def html_params(**values: Any) -> str:
    """Return HTML attributes sorted by name, as WTForms' function of this name writes them."""
    parts = []
    for key, value in sorted(values.items()):
        if value is True:
            parts.append(_clean_key(key))
        elif value is not False:
            text = str(escape(value)).replace('"', "&quot;")
            parts.append(f'{_clean_key(key)}="{text}"')
    return " ".join(parts)


def hidden_empty_input(name: str) -> str:
    """Return an input that sends an empty value, for a field that may otherwise send none."""
    return f'<input type="hidden" name="{escape(name)}" value="">'


class TextInput(widgets.TextInput):
    """An ``<input>`` with the value and the limits of its field."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("id", field.id)
        kwargs.setdefault("type", self.input_type)
        if "value" not in kwargs:
            kwargs["value"] = field._value()
        for flag, value in vars(field.flags).items():
            if flag in self.validation_attrs and flag not in kwargs:
                kwargs[flag] = value
        return Markup(f"<input {html_params(name=field.name, **kwargs)}>")


class HiddenInput(widgets.HiddenInput):
    """An ``<input>`` that is not shown."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        values = {"id": field.id, "type": "hidden", "value": field._value()} | kwargs
        return Markup(f"<input {html_params(name=field.name, **values)}>")


class TextArea(widgets.TextArea):
    """A ``<textarea>`` with the limits of its field."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("id", field.id)
        for flag, value in vars(field.flags).items():
            if flag in self.validation_attrs and flag not in kwargs:
                kwargs[flag] = value
        params = html_params(name=field.name, **kwargs)
        return Markup(f"<textarea {params}>\r\n{escape(field._value())}</textarea>")


class NumberInput(TextInput):
    """An ``<input>`` for whole numbers."""

    input_type = "number"
    validation_attrs = widgets.NumberInput.validation_attrs


class TypedInput(TextInput):
    """An input of the type and the keyboard that suit the field type."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("type", field.field_type.input_type)
        if mode := field.field_type.input_mode:
            kwargs.setdefault("inputmode", mode)
        return super().__call__(field, **kwargs)


class DateWidget(TextInput):
    """A date as the reader types it; the template adds a button that opens a calendar."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("placeholder", date_pattern())
        kwargs |= {"autocomplete": "off", "data_date_order": "dmy" if is_day_first() else "mdy"}
        return super().__call__(field, **kwargs)


class MomentWidget(DateWidget):
    """A date and time as the reader types it."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("placeholder", f"{date_pattern()} hh:mm")
        return super().__call__(field, **kwargs)


class SwitchWidget(TextInput):
    """A checkbox that also sends a value when it is not ticked."""

    input_type = "checkbox"
    validation_attrs = widgets.CheckboxInput.validation_attrs

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("value", "1")
        if getattr(field, "checked", field.data):
            kwargs["checked"] = True
        return Markup(hidden_empty_input(field.name)) + super().__call__(field, **kwargs)


class OptionWidget:
    """A ``<select>`` over the options of a field."""

    def __init__(self, multiple: bool = False) -> None:
        self.multiple = multiple

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("id", field.id)
        if self.multiple:
            kwargs["multiple"] = True
        if field.flags.required and not self.multiple:
            kwargs["required"] = True
        if lookup := getattr(field, "lookup", None):
            kwargs["data_lookup"] = lookup
        if (lookup or self.multiple) and (view := getattr(field, "add_view", None)):
            kwargs["data_create"] = f"{view.route_base}/add"
            kwargs["data_create_label"] = view.add_title
        parts = [hidden_empty_input(field.name)] if self.multiple else []
        parts.append(f"<select {html_params(name=field.name, **kwargs)}>")
        if not self.multiple:
            parts.append(f'<option value="">{escape(getattr(field, "blank", "—"))}</option>')
        parts += _options(field.options())
        parts.append("</select>")
        return Markup("".join(parts))


def _options(options: Sequence[tuple[Any, str, bool]]) -> list[str]:
    """Return the HTML of options, each (value, label, chosen)."""
    parts = list(
        _rendered_options(tuple([(str(value), str(label)) for value, label, _c in options]))
    )
    for place, (_value, _label, chosen) in enumerate(options):
        if chosen:
            parts[place] = parts[place].replace('">', '" selected>', 1)
    return parts


@lru_cache(maxsize=256)
def _rendered_options(options: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the HTML of options, each (value, label): those of countries are hundreds."""
    return tuple(
        f'<option value="{escape(value)}">{escape(label)}</option>' for value, label in options
    )


class ProvinceWidget(TextInput):
    """A text input with the provinces of the chosen country as suggestions."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        info = field.field_type.column.info
        kwargs |= {
            "list": f"{field.id}-list",
            "data_provinces_of": info.get("country", "country"),
            "data_postcode": info.get("postcode", "postcode"),
            "data_country": organisation.country(),
            "autocomplete": "off",
        }
        suggestions = _province_options(field.country(), current_language())
        return super().__call__(field, **kwargs) + Markup(
            f'<datalist id="{escape(field.id)}-list">{suggestions}</datalist>'
        )


@lru_cache(maxsize=256)
def _province_options(country: str, language: str) -> str:
    names = (name for _code, name in provinces(country, language))
    return "".join(f'<option value="{escape(name)}"></option>' for name in names)
