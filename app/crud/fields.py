"""Form fields by kind of value: what is typed is read by the kind, and stays when it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import String
from wtforms import Field, FileField
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import (
    CheckboxInput,
    DateInput,
    DateTimeLocalInput,
    EmailInput,
    NumberInput,
    TelInput,
    TextArea,
    TextInput,
    URLInput,
    html_params,
)

from app.crud.lookup import MOST_FOUND, found_rows
from app.crud.interface import as_id
from app.errors import DomainError
from app.extensions import db
from app.i18n.languages import current_language
from app.i18n.places import countries, provinces
from app.fieldtypes import Hints, Kind
from app.repositories.models import Repository
from app.security.actor import current_actor
from app.security.scope import visible
from app.text import clean

REQUIRED = _l("Fill this in.")


class KindField(Field):
    """A field whose value is one of the house's kinds."""

    def __init__(self, label: Any, *, kind: Kind, required: bool, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.kind = kind
        self.typed: str | None = None
        if required:
            self.flags.required = True
        if kind.longest and kind.name not in ("country", "choice", "colour", "province"):
            self.flags.maxlength = kind.longest

    def process_formdata(self, valuelist: list[str]) -> None:
        # A field that was not sent at all keeps the value it has.
        if valuelist:
            self.typed = self.data = valuelist[0]

    def _value(self) -> str:
        """Return what the input shows: what was typed, else the value as it is edited."""
        if self.typed is not None:
            return self.typed
        if self.data is None:
            return ""
        if self.kind.name in ("phone", "province"):
            return self.kind.show(self.data)
        return self.kind.write(self.data)

    def pre_validate(self, form: Any) -> None:
        if self.typed is not None:
            try:
                self.data = self.kind.parse(self.typed, hints_of(form, self.kind))
            except DomainError as error:
                raise ValidationError(str(error)) from None
        if self.data is None:
            if self.flags.required:
                raise ValidationError(str(REQUIRED))
            column = self.kind.column
            if column is not None and not column.nullable and isinstance(column.type, String):
                self.data = ""


def hints_of(form: Any, kind: Kind) -> Hints:
    """Return the hints a form gives: the country chosen in it, else the organisation's."""
    name = (kind.column.info.get("country") if kind.column is not None else None) or "country"
    chosen = form[name].typed if name in form and hasattr(form[name], "typed") else None
    if not chosen and name in form and isinstance(form[name].data, str):
        chosen = form[name].data
    return Hints(country=(chosen or current_app.config["COUNTRY"]).upper()[:2])


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
        parts = [_sent_when_empty(field)] if self.multiple else []
        parts.append(Markup("<select %s>") % Markup(html_params(name=field.name, **kwargs)))
        if not self.multiple:
            parts.append(Markup('<option value="">%s</option>') % getattr(field, "blank", "—"))
        for value, label, chosen in field.options():
            parts.append(
                Markup('<option value="%s"%s>%s</option>')
                % (value, Markup(" selected") if chosen else "", label)
            )
        parts.append(Markup("</select>"))
        return Markup("").join(parts)


class CodeField(KindField):
    """One of a few codes: a choice, a colour, a country, a language."""

    widget = OptionWidget()

    def options(self) -> list[tuple[str, str, bool]]:
        """Return (code, label, chosen)."""
        chosen = self._value()
        return [(code, label, code == chosen) for code, label in self._known()]

    def _known(self) -> list[tuple[str, str]]:
        if self.kind.name == "country":
            return list(countries(current_language()))
        return [(code, str(label)) for code, label in self.kind.choices.items()]


class ProvinceWidget(TextInput):
    """A text input with the provinces of the chosen country as suggestions."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        country = hints_of(field.form_, field.kind).country if field.form_ is not None else "ES"
        names = [name for _code, name in provinces(country, current_language())]
        info = field.kind.column.info
        kwargs |= {
            "list": f"{field.id}-list",
            "data_provinces_of": info.get("country", "country"),
            "autocomplete": "off",
        }
        options = Markup("").join(Markup('<option value="%s"></option>') % name for name in names)
        return super().__call__(field, **kwargs) + Markup(
            '<datalist id="%s-list">%s</datalist>'
        ) % (field.id, options)


class ProvinceField(KindField):
    """A province: its name is typed, its code is kept."""

    widget = ProvinceWidget()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.form_ = kwargs.get("_form")
        super().__init__(*args, **kwargs)

    def pre_validate(self, form: Any) -> None:
        self.form_ = form
        super().pre_validate(form)


class FlagWidget(CheckboxInput):
    """A checkbox that says so when it is not ticked."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("value", "1")
        return _sent_when_empty(field) + super().__call__(field, **kwargs)


def _sent_when_empty(field: Any) -> Markup:
    return Markup('<input type="hidden" name="%s" value="">') % field.name


class FlagField(Field):
    """A yes or no."""

    widget = FlagWidget()
    false_values = (False, "false", "", "0")

    def process_data(self, value: Any) -> None:
        self.data = bool(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = valuelist[-1] not in self.false_values

    def _value(self) -> str:
        return "1"


class _LinkedField(Field):
    """What fields that point to other rows share."""

    def __init__(
        self, label: Any, *, model: Any, required: bool = False, lookup: str = "", **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.model = model
        self.lookup_url = lookup
        # What the row is linked to before anything is typed.
        self.present: list[Any] = []
        self._found: tuple[set[int], list[Any]] | None = None
        # What is looked for by a button, without JavaScript; ``found`` then joins the options.
        self.sought: str | None = None
        self.found: Sequence[Any] = ()
        if required:
            self.flags.required = True

    def process(self, formdata: Any, *args: Any, **kwargs: Any) -> None:
        """Read what was chosen, and what is looked for: that is another page, not a saving."""
        super().process(formdata, *args, **kwargs)
        if not formdata or self.is_inline:
            return
        self.sought = formdata.get(f"{self.name}_find", "")
        is_new = self.sought != formdata.get(f"{self.name}_found", "")
        if is_new or formdata.get("_find") == self.name:
            self.found = found_rows(self.model, clean(self.sought)[:100], MOST_FOUND)
            self.is_finding = True

    # Whether the form was sent to look something up in this field.
    is_finding = False

    def _say_found(self) -> None:
        if not self.is_finding:
            return
        if not self.found:
            raise StopValidation(_("Nothing found. Search for a part of the name."))
        if len(self.found) == MOST_FOUND:
            raise StopValidation(
                _(
                    "The first %(num)s are in the list. Choose one, or search more closely.",
                    num=MOST_FOUND,
                )
            )
        raise StopValidation(_("What was found is in the list: choose, then save."))

    @property
    def is_inline(self) -> bool:
        """Say whether all options are in the page, rather than looked up while typing."""
        return not self.lookup_url

    @property
    def lookup(self) -> str | None:
        """Return the address that options are looked up at."""
        return self.lookup_url or None

    def rows(self) -> list[Any]:
        """Return every row that can be chosen, and those that already are."""
        query = visible(self.model, current_actor())
        if issubclass(self.model, Repository):
            query = query.order_by(self.model.position, self.model.id)
        else:
            query = query.order_by(self.model.id)
        chosen = self.chosen_ids()
        return [
            row
            for row in db.session.scalars(query)
            if getattr(row, "is_active", True) or row.id in chosen
        ]

    def chosen_ids(self) -> set[int]:
        """Return the ids of what is chosen."""
        raise NotImplementedError

    def chosen_rows(self) -> list[Any]:
        """Return what is chosen, as far as the actor may see it."""
        return self._seen(self.chosen_ids())

    def _seen(self, ids: set[int]) -> list[Any]:
        if not ids:
            return []
        if self._found is None or self._found[0] != ids:
            query = visible(self.model, current_actor()).where(self.model.id.in_(ids))
            self._found = ids, list(db.session.scalars(query))
        return self._found[1]

    def seen_of(self, rows: list[Any]) -> list[Any]:
        """Return those of some linked rows that the actor may see."""
        if not hasattr(self.model, "scope"):
            return rows
        seen = self._seen({row.id for row in rows})
        return [row for row in rows if row in seen]

    def hidden_rows(self) -> list[Any]:
        """Return the links the row has to what the actor may not see: they stay as they are."""
        if not self.present or not hasattr(self.model, "scope"):
            return []
        seen = self._seen({row.id for row in self.present})
        return [row for row in self.present if row not in seen]

    def options(self) -> list[tuple[Any, str, bool]]:
        """Return (id, label, chosen)."""
        chosen = self.chosen_ids()
        rows = self.rows() if self.is_inline else self.chosen_rows()
        rows = [*rows, *(row for row in self.found if row.id not in chosen)]
        return [(row.id, str(row), row.id in chosen) for row in rows]


class LinkField(_LinkedField):
    """A link to one row; ``data`` is the row."""

    widget = OptionWidget()

    def process_data(self, value: Any) -> None:
        self.data = value
        self.present = [] if value is None else [value]
        self.typed: str | None = None

    @property
    def blank(self) -> str:
        """Return what stands for no choice: a link that is not shown is kept by it."""
        return _("somebody or something you may not see") if self.hidden_rows() else "—"

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.typed = valuelist[0].strip()

    def chosen_ids(self) -> set[int]:
        if self.typed is not None:
            return {number} if (number := as_id(self.typed)) is not None else set()
        return set() if self.data is None else {self.data.id}

    def pre_validate(self, form: Any) -> None:
        self._say_found()
        if self.typed:
            rows = self.chosen_rows()
            if not rows:
                raise ValidationError(_("This cannot be chosen."))
            self.data = rows[0]
        elif self.typed is not None:
            self.data = next(iter(self.hidden_rows()), None)
        if self.data is None and self.flags.required:
            raise ValidationError(str(REQUIRED))


class LinksField(_LinkedField):
    """Links to any number of rows; ``data`` is the list of them."""

    widget = OptionWidget(multiple=True)

    def process_data(self, value: Any) -> None:
        self.data = list(value or ())
        self.present = self.data
        self.typed_ids: list[str] | None = None

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.typed_ids = [value for value in valuelist if value]

    def chosen_ids(self) -> set[int]:
        if self.typed_ids is not None:
            return {n for value in self.typed_ids[:500] if (n := as_id(value)) is not None}
        return {row.id for row in self.data}

    def pre_validate(self, form: Any) -> None:
        self._say_found()
        if self.typed_ids is not None:
            rows = self.chosen_rows()
            if len(rows) != len(set(self.typed_ids)):
                raise ValidationError(_("This cannot be chosen."))
            self.data = [*rows, *self.hidden_rows()]
        if self.flags.required and not self.data:
            raise ValidationError(str(REQUIRED))


class PhotoField(FileField):
    """A picture to upload; ``data`` is the upload, or None for no change."""

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.current: str | None = None

    def process_data(self, value: Any) -> None:
        self.current = value
        self.data = None

    def populate_obj(self, obj: Any, name: str) -> None:
        """Leave the photo to the view, which stores the file."""


WIDGETS = {
    "text": TextInput(),
    "lines": TextArea(),
    "email": EmailInput(),
    "phone": TelInput(),
    "url": URLInput(),
    "day": DateInput(),
    "moment": DateTimeLocalInput(),
    "whole": NumberInput(),
    "number": TextInput(),
}
