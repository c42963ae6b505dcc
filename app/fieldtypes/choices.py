"""Field types of values out of a list: yes or no, choices, countries, provinces."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, ClassVar

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.errors import DomainError
from app.fieldtypes.base import FieldType, Hints
from app.fieldtypes.sqltext import SqlHints, labelled
from app.i18n.languages import current_language
from app.i18n.places import (
    countries,
    country_name,
    find_country,
    find_province,
    is_blank,
    is_closed,
    nearest_province,
    province_name,
)
from app.text import fold

_LIST_SEPARATORS = re.compile(r"[;|\n]")


class Boolean(FieldType):
    name = "flag"
    sql_types: ClassVar[tuple[type, ...]] = (sa.Boolean,)
    form_field = "switch"
    filters: ClassVar[tuple[str, ...]] = ("yes", "no")
    is_text = False
    json_type = "boolean"
    is_escaped = True
    yes: ClassVar = {"1", "true", "yes", "y", "x", "on", "si", "s", "verdadero"}
    no: ClassVar = {"0", "false", "no", "n", "off", "falso"}

    def read(self, value: str, hints: Hints) -> bool:
        if (folded := fold(value)) in self.yes | self.no:
            return folded in self.yes
        raise DomainError(_("“%(value)s” is not a valid answer. Use yes or no.", value=value[:40]))

    def show(self, value: bool | None) -> str:
        return "" if value is None else _("Yes") if value else _("No")

    def write(self, value: bool | None) -> str:
        return "" if value is None else "1" if value else "0"

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        if self.column is None or not isinstance(self.column.type, sa.Boolean):
            return None
        return sa.case((value.is_(True), "1"), (value.is_(False), "0"))

    def form_text(self, value: Any) -> str:
        if not isinstance(value, bool):
            raise DomainError(_("Send true or false."))
        return "1" if value else ""

    def describe(self) -> str:
        return _("true or false")


class Answer(Boolean):
    """Yes, no or not answered: a boolean column in which null is no “no”."""

    name = "answer"
    sql_types = ()
    form_field = "choice"
    filters = ("yes", "answered_no", "empty", "filled")
    has_few_values = True

    def options(self) -> dict[str, str]:
        """Return code → label, in the order in which they are offered."""
        return {"1": _("Yes"), "0": _("No")}

    def form_text(self, value: Any) -> str:
        if not isinstance(value, bool):
            raise DomainError(_("Send true or false."))
        return "1" if value else "0"


class _Coded(FieldType):
    """A code out of a list; people read and type its label."""

    filters: ClassVar[tuple[str, ...]] = ("choice", "not_choice", "empty", "filled")
    form_field = "choice"
    is_text = False
    has_few_values = True
    is_escaped = True

    def options(self) -> dict[str, str]:
        """Return code → label, in the order in which they are offered."""
        raise NotImplementedError

    def write_label(self, value: Any, country: str | None) -> str:
        text = self.show(value)
        is_read_back = self.parse(text, Hints(country=country or "")) == value
        return text if is_read_back else self.write(value)

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        if not self._is_string:
            return None
        labels = {code: hints.escape(text) for code, text in self.file_labels().items()}
        return labelled(value, labels, hints.dialect, otherwise=hints.escape(value))

    def file_labels(self) -> dict[str, str]:
        """Return code → what a file says instead of it."""
        written = {code: self.write_label(code, None) for code in self.options()}
        return {code: text for code, text in written.items() if text != code}


class Choice(_Coded):
    name = "choice"

    @property
    def choices(self) -> dict[str, Any]:
        """Return code → label."""
        return self.info["choices"]

    def options(self) -> dict[str, str]:
        return {code: str(label) for code, label in self.choices.items()}

    def read(self, value: str, hints: Hints) -> str:
        wanted = fold(value).rstrip(".")
        for code, label in self.choices.items():
            also = self.info.get("also", {}).get(code, ())
            if wanted in {fold(code), *(fold(str(known)).rstrip(".") for known in (label, *also))}:
                return code
        raise DomainError(_("“%(value)s” is not a valid option.", value=value[:80]))

    def show(self, value: str | None) -> str:
        return "" if value is None else str(self.choices.get(value, value))

    @property
    def takes_null(self) -> bool:
        return self.column is None or bool(self.column.nullable)

    def form_text(self, value: Any) -> str:
        text = super().form_text(value)
        if text not in self.choices:
            raise DomainError(_("“%(value)s” is not a valid option.", value=text[:80]))
        return text

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.choices)}

    def describe(self) -> str:
        return _("one of: %(codes)s", codes=", ".join(self.choices))


class Colour(Choice):
    name = "colour"
    shape = "chip"


class Choices(Choice):
    """Any number of choices, stored as the text of their codes in order, each between bars."""

    name = "choices"
    form_field = "choices"
    filters = ("has_choice", "has_no_choice", "empty", "filled")
    why_not_sorted = _l("This column can have several values at once, so it can’t be sorted.")
    has_few_values = False
    json_type = "array"

    def codes(self, value: str | None) -> list[str]:
        """Return the codes of a stored value."""
        return value.strip("|").split("||") if value else []

    def store(self, codes: Iterable[str]) -> str | None:
        """Return the stored value of some codes."""
        wanted = set(codes)
        known = [code for code in self.choices if code in wanted]
        return "".join(f"|{code}|" for code in [*known, *sorted(wanted - {*known})]) or None

    def read(self, value: str, hints: Hints) -> str:
        if value.startswith("|") and value.endswith("|"):
            parts = [part for part in self.codes(value) if part]
        else:
            parts = [part for part in _LIST_SEPARATORS.split(value) if part.strip()]
        return self.store(super(Choices, self).read(part, hints) for part in parts) or ""

    def show(self, value: str | None) -> str:
        return ", ".join(super(Choices, self).show(code) for code in self.codes(value))

    def write_label(self, value: Any, country: str | None) -> str:
        text = "; ".join(super(Choices, self).show(code) for code in self.codes(value))
        try:
            is_read_back = self.parse(text, Hints(country=country or "")) == value
        except DomainError:
            is_read_back = False
        return text if is_read_back else self.write(value)

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        if not self._is_string or any(
            self.write_label(f"|{code}|", None) == f"|{code}|" for code in self.choices
        ):
            return None
        text: Any = value
        for code in self.choices:
            label = super().show(code)
            text = sa.func.replace(text, f"|{code}|", f"{label}; ")
        return hints.escape(sa.func.rtrim(text, "; "))

    def to_json(self, value: Any) -> Any:
        return None if value is None else self.codes(value)

    def from_json(self, value: Any) -> Any:
        return self.store(value) if isinstance(value, list) else value

    def form_text(self, value: Any) -> str:
        if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
            raise DomainError(_("Send a list of codes."))
        for code in value:
            super().form_text(code)
        return self.store(value) or ""

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "enum": list(self.choices)}}

    def describe(self) -> str:
        return _("a list of: %(codes)s", codes=", ".join(self.choices))


class Country(_Coded):
    name = "country"

    def options(self) -> dict[str, str]:
        return dict(countries(current_language()))

    def read(self, value: str, hints: Hints) -> str:
        code = find_country(value)
        if code is None:
            raise DomainError(_("“%(value)s” is not a valid country.", value=value[:80]))
        return code

    def show(self, value: str | None) -> str:
        return country_name(value, current_language()) if value else ""

    def file_labels(self) -> dict[str, str]:
        return _country_file_labels(current_language())

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def describe(self) -> str:
        return _("country: two-letter code or name")


class Province(_Coded):
    """A province: a code where the country's list is complete, else the text that was typed."""

    name = "province"
    filters = ("in_province", "empty", "filled")
    form_field = "province"

    def read(self, value: str, hints: Hints) -> str | None:
        if code := find_province(value, hints.country):
            return code
        if is_blank(value):
            return None
        if hints.is_strict and is_closed(hints.country):
            raise DomainError(_unknown_province(value[:80], hints.country))
        return value

    def show(self, value: str | None) -> str:
        return province_name(value, current_language())

    def edit(self, value: str | None) -> str:
        return self.show(value)

    def write_label(self, value: Any, country: str | None) -> str:
        return super().write_label(value, country) if country else self.write(value)

    def file_text(
        self, value: sa.ColumnElement[Any], hints: SqlHints
    ) -> sa.ColumnElement[Any] | None:
        if not self._is_string:
            return None
        raw = hints.escape(value)
        if hints.country is None:
            return raw
        # The names of all provinces of the world take seconds to read: only those that occur.
        written = {code: self.write_label(code, code[:2]) for code in hints.matching("__-%")}
        labels = {code: hints.escape(text) for code, text in written.items() if text != code}
        if not labels:
            return raw
        # The name of a province is read in its own country only.
        is_at_home = sa.func.substr(value, 1, 2) == hints.country
        label = labelled(value, labels, hints.dialect, otherwise=raw)
        return sa.case((is_at_home, label), else_=raw)

    def describe(self) -> str:
        return _("province: name or code")


@lru_cache(maxsize=8)
def _country_file_labels(language: str) -> dict[str, str]:
    """Return what files in a language, which is the current one, call each country."""
    return _Coded.file_labels(Country())


def _unknown_province(value: str, country: str) -> str:
    name = country_name(country, current_language())
    if nearest := nearest_province(value, country, current_language()):
        return _(
            "“%(value)s” is not a province of %(country)s. Did you mean %(name)s?",
            value=value, country=name, name=nearest,
        )  # fmt: skip
    return _(
        "“%(value)s” is not a province of %(country)s. Choose one from the list, or another country.",
        value=value, country=name,
    )  # fmt: skip
