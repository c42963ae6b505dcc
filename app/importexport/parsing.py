"""Parse the cells of a chunk of a file, column by column."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import phonenumbers
from flask_babel import gettext as _

from app.errors import DomainError
from app.fieldtypes import Country, Date, Hints, Phone
from app.i18n.formats import show_date
from app.importexport.fields import AppendedField, ForeignKeyField, ValueField
from app.importexport.planning import ImportPlan
from app.importexport.rows import ImportRow
from app.text import clean

# Spreadsheets count days from here; they take 1900 for a leap year.
_SERIAL_ZERO = date(1899, 12, 30)


def parse_rows(plan: ImportPlan, rows: list[ImportRow]) -> None:
    """Set the values and the texts of the rows; reject those with a cell that is no value."""
    mapping = [(place, field) for place, field in plan.mapping.items() if field is not None]
    # A country comes first: telephones and provinces are parsed with it. A field that is
    # appended to another comes after that one.
    mapping.sort(
        key=lambda pair: (
            not isinstance(getattr(pair[1], "field_type", None), Country),
            isinstance(pair[1], AppendedField),
        )
    )
    readable = []
    for row in rows:
        if row.source.problem:
            row.reject("invalid", "", row.source.problem)
        else:
            readable.append(row)
    for place, field in mapping:
        if isinstance(field, ValueField):
            _parse_column(plan, readable, place, field)
        else:
            is_line = isinstance(field, ForeignKeyField)
            for row in readable:
                cell = row.source.cells[place]
                if cell and (text := clean(cell) if is_line else cell.strip() and cell):
                    row.texts[field.name] = text


def _parse_column(plan: ImportPlan, rows: list[ImportRow], place: int, field: ValueField) -> None:
    """Parse the cells of a column; one that comes again, in the same country, only once."""
    day_first = plan.day_first.get(place, True)
    is_appended = isinstance(field, AppendedField)
    name, key, country_name = field.name, field.key, field.country_name
    parsed: dict[str | None, dict[str, Any]] = {}
    for row in rows:
        cell = row.source.cells[place]
        if not cell or cell.isspace():
            continue
        if is_appended:
            cell = f"{row.values.get(key) or ''} {cell}"
        country = row.values.get(country_name)
        values = parsed.get(country)
        if values is None:
            values = parsed[country] = {}
        if cell in values:
            value = values[cell]
        else:
            value = values[cell] = _parse_cell(plan, field, cell, country, day_first)
        if isinstance(value, DomainError):
            row.reject("invalid", name, value)
            if not is_appended:
                row.wrong_texts[name] = cell.strip()
        elif value is not None:
            row.values[key] = value


def _parse_cell(
    plan: ImportPlan, field: ValueField, cell: str, country: str | None, day_first: bool
) -> Any:
    """Return the value of a cell, or the DomainError that it raises.

    ``country`` is that which the row itself names.
    """
    is_phone = isinstance(field.field_type, Phone)
    tried = [country or plan.country]
    if is_phone and country and country != plan.home:
        # Somebody who lives abroad may have a telephone at home.
        tried.append(plan.home)
    elif is_phone and not country and plan.country != plan.home and _is_valid(cell, plan.home):
        tried = [plan.home]
    error: DomainError | None = None
    for one in tried:
        try:
            return field.parse(cell, Hints(one, day_first))
        except DomainError as exception:
            error = error or exception
    if isinstance(field.field_type, Date) and (day := _day_of_serial(cell)):
        return DomainError(
            _(
                "“%(value)s” is not a date, but the number by which spreadsheets store %(day)s. Is that the date? Write it out.",
                value=cell.strip(), day=day,
            )
        )  # fmt: skip
    return error


def _day_of_serial(cell: str) -> str:
    """Return the day that a spreadsheet stores as a number of five digits; "" for another text."""
    if not re.fullmatch(r"[1-9]\d{4}", cell.strip()):
        return ""
    return show_date(_SERIAL_ZERO + timedelta(days=int(cell)))


def _is_valid(cell: str, country: str) -> bool:
    """Return True for a telephone number that exists in a country."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(cell, country))
    except phonenumbers.NumberParseException:
        return False
