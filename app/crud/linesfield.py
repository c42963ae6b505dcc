"""The field of a form that edits the lines of a row: add, remove, move, with and without scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import gettext as _
from sqlalchemy import inspect
from werkzeug.datastructures import MultiDict
from wtforms import Field, Form, HiddenField

from app.crud.columns import EMPTY_CELL, Cell
from app.crud.interface import parse_id
from app.crud.modelfields import SharedRows
from app.fieldtypes import get_field_type, to_json
from app.lines import MAX_LINES, line_column, load_links

# The button that adds, removes or moves a line sends this, with the field and what to do.
BUTTON = "_lines"
# Between a field of lines and what belongs to it: “lines-3-price”, “lines-sent”.
SENT = "sent"


@dataclass
class LineEntry:
    """One line of a form: its fields, and the stored line they were read from, if any."""

    index: int
    form: Form
    line: Any = None

    @property
    def fields(self) -> list[Field]:
        """Return the fields that people fill in."""
        return [field for field in self.form if field.short_name != "id"]

    @property
    def is_blank(self) -> bool:
        """Return True for a new line in which nothing was filled in."""
        return self.line is None and all(map(_is_blank, self.fields))


class LinesField(Field):
    """The lines of a row, each a small form; ``data`` is the list of the lines' values as JSON."""

    template = "crud/lines_field.html"
    max_lines = MAX_LINES

    def __init__(self, label: Any, *, model: Any, line_form: type[Form], **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.model, self.line_form = model, line_form
        self.entries: list[LineEntry] = []
        self.stored: Sequence[Any] = ()

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        """Read the lines of a request in the order in which it sends them, else the stored ones."""
        stored = data if isinstance(data, list) else []
        self.stored, self.object_data = stored, stored
        links = inspect(self.model).relationships
        self.shared = {name: SharedRows() for name in self.model.fields if name in links}
        load_links(stored)
        self.process_errors: list[str] = []
        if formdata and f"{self.name}-{SENT}" in formdata:
            self.raw_data = formdata.getlist(f"{self.name}-{SENT}")
            self._read(formdata)
        else:
            self.raw_data = None
            self.entries = [self._entry(place, None, line) for place, line in enumerate(stored)]
        self.is_rearranged = self._rearrange(formdata)

    def _read(self, formdata: Any) -> None:
        pattern = re.compile(rf"{re.escape(self.name)}-(\d{{1,6}})-")
        found = (pattern.match(key) for key in formdata)
        indexes = dict.fromkeys(int(match.group(1)) for match in found if match)
        lines = {line.id: line for line in self.stored if line.id is not None}
        self.entries = []
        for index in indexes:
            number = parse_id(formdata.get(f"{self.name}-{index}-id", ""))
            # A line that somebody else deleted meanwhile is written anew.
            line = lines.pop(number, None) if number is not None else None
            self.entries.append(self._entry(index, formdata, line))
        if len(self.entries) > self.max_lines:
            self.entries = self.entries[: self.max_lines + 1]

    def _entry(self, index: int, formdata: Any, line: Any) -> LineEntry:
        prefix = f"{self.name}-{index}-"
        form = self.line_form(formdata, obj=line, prefix=prefix, meta=self._meta())
        form["id"].data = "" if line is None or line.id is None else str(line.id)
        for name in self.model.fields:
            if name in self.shared:
                self.shared[name].add(form[name])
        return LineEntry(index, form, line)

    def _meta(self) -> dict[str, Any]:
        return {"is_stored": getattr(self.meta, "is_stored", False), "locales": False}

    def _rearrange(self, formdata: Any) -> bool:
        """Do what a button among the lines asks for, and return True if one was pressed."""
        name, _sep, rest = (formdata.get(BUTTON, "") if formdata else "").partition(":")
        if name != self.short_name:
            return False
        what, _sep, index = rest.partition(":")
        if what == "add":
            self.add_blank()
            return True
        place = next((n for n, e in enumerate(self.entries) if str(e.index) == index), None)
        if place is None:
            return True
        other = place - 1 if what == "up" else place + 1
        if what == "remove":
            del self.entries[place]
        elif what in ("up", "down") and 0 <= other < len(self.entries):
            entries = self.entries
            entries[place], entries[other] = entries[other], entries[place]
        return True

    def add_blank(self) -> None:
        """Add an empty line at the end."""
        index = max((entry.index for entry in self.entries), default=-1) + 1
        self.entries.append(self._entry(index, None, None))

    def blank_entry(self) -> LineEntry:
        """Return an empty line that a script copies; its index is replaced."""
        return LineEntry(0, self.line_form(None, prefix=f"{self.name}-NEW-", meta=self._meta()))

    def shown_entries(self) -> list[LineEntry]:
        """Return the lines to draw: at least one, empty if there is none."""
        if not self.entries:
            self.add_blank()
        return self.entries

    @property
    def is_lookup(self) -> bool:
        """Return True if the form was sent to search in a field of a line, not to be saved."""
        fields = (field for entry in self.entries for field in entry.fields)
        return any(getattr(field, "is_lookup", False) for field in fields)

    @property
    def filled(self) -> list[LineEntry]:
        """Return the lines without those left blank."""
        return [entry for entry in self.entries if not entry.is_blank]

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        """Validate every line that is not blank; an error names the line and the field."""
        self.errors = []
        if self.raw_data is None:
            return True
        # A form that was sent to search in a field reports nothing else.
        is_search = any(getattr(field, "is_lookup", False) for field in form)
        filled = []
        for entry in self.entries:
            is_valid = entry.form.validate()
            if is_search:
                for field in entry.fields:
                    field.errors = field.errors if getattr(field, "is_lookup", False) else []
            if entry.is_blank:
                for field in entry.form:
                    field.errors = []
                continue
            filled.append(entry)
            if not is_valid:
                self.errors += [
                    _("Line %(num)s, %(field)s: %(error)s", num=len(filled), field=field.label.text,
                      error=error)
                    for field in entry.fields
                    for error in field.errors
                ]  # fmt: skip
        if len(filled) > self.max_lines:
            self.errors.append(_("There can be at most %(num)s lines.", num=self.max_lines))
        return not self.errors

    @property
    def data(self) -> list[dict[str, Any]]:
        """Return the values of the lines, comparable with those of the log."""
        return [
            {field.short_name: _plain(field.data) for field in entry.fields}
            for entry in self.filled
        ]

    @data.setter
    def data(self, value: Any) -> None:
        """Ignore it: WTForms sets it, the lines hold it."""

    def process_data(self, value: Any) -> None:
        """Show other stored lines instead of those of the request."""
        self.process(None, list(value or ()))

    def populate_obj(self, obj: Any, name: str) -> None:
        """Write the lines to a row; a request without them leaves them as they are."""
        if self.raw_data is None and not (inspect(obj).transient and self.entries):
            return
        own = {line.id: line for line in getattr(obj, name) if line.id is not None}
        lines = []
        for position, entry in enumerate(self.filled, 1):
            line = own.get(entry.line.id) if entry.line is not None else None
            line = line or self.model()
            for field in entry.fields:
                if getattr(line, field.short_name) != field.data:
                    field.populate_obj(line, field.short_name)
            if line.position != position:
                line.position = position
            lines.append(line)
        if lines != list(getattr(obj, name)):
            setattr(obj, name, lines)


def line_values(lines: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the values of stored lines as ``LinesField.data`` has those of typed ones."""
    return [{name: _plain(getattr(line, name)) for name in type(line).fields} for line in lines]


def logged_line_values(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a log entry as ``LinesField.data`` has typed ones."""
    return [
        {
            name: value[0] if isinstance(value, list) else _plain(value)
            for name, value in line.items()
            if name != "id"
        }
        for line in lines
    ]


def show_line(model: Any, values: dict[str, Any]) -> str:
    """Format the values of a line for people, as one line of text; linked rows as they are."""
    return " · ".join(text for name in model.fields if (text := _shown(model, name, values[name])))


def show_stored_lines(model: Any, lines: Sequence[Any]) -> str:
    """Format stored lines, each in a line of text."""
    load_links(lines)
    values = [{name: getattr(line, name) for name in model.fields} for line in lines]
    return "\n".join(show_line(model, line) for line in values)


def show_typed_lines(field: LinesField) -> str:
    """Format typed lines, each in a line of text; what cannot be parsed as it was typed."""
    values = [{f.short_name: f.data for f in entry.fields} for entry in field.filled]
    return "\n".join(show_line(field.model, line) for line in values)


def line_table(model: Any, lines: Sequence[Any]) -> Cell:
    """Return the cell of a file that shows the lines of a row as a table."""
    if not lines:
        return EMPTY_CELL
    load_links(lines)
    relations = inspect(model).relationships
    labels = [
        line_column(model, name).info.get("label", name)
        if name not in relations
        else relations[name].info["label"]
        for name in model.fields
    ]
    is_number = [
        name not in relations and not get_field_type(line_column(model, name)).is_text
        for name in model.fields
    ]
    rows = [[_shown(model, name, getattr(line, name)) for name in model.fields] for line in lines]
    return Cell("lines", extra=(list(zip(labels, is_number, strict=True)), rows))


def _is_blank(field: Field) -> bool:
    """Return True if nothing was typed or searched for in a field, whether it is valid or not."""
    if field.data in (None, "", False):
        is_typed = getattr(field, "typed", None) or getattr(field, "is_lookup", False)
        return not is_typed
    return bool(field.data == field.default)


def _plain(value: Any) -> Any:
    """Return a value that can be compared: an id for a row, None for an empty text."""
    if hasattr(value, "id"):
        return value.id
    return None if value == "" else to_json(value)


def _shown(model: Any, name: str, value: Any) -> str:
    if value is None or isinstance(value, str) or name in inspect(model).relationships:
        return str(value or "")
    return get_field_type(line_column(model, name)).show(value)


def set_form_values(typed: MultiDict, name: str, values: Sequence[dict[str, list[str]]]) -> None:
    """Add lines to form data, each a dictionary of form values by field."""
    typed[f"{name}-{SENT}"] = "1"
    for index, line in enumerate(values):
        for field, texts in line.items():
            typed.setlist(f"{name}-{index}-{field}", texts)


def line_form_of(model: Any, make_field: Any) -> type[Form]:
    """Return the form class of a line; ``make_field(name)`` returns the field of each name."""
    body = {name: make_field(name) for name in model.fields}
    return type("LineForm", (Form,), {"id": HiddenField(), **body})


def was_rearranged(form: Any) -> bool:
    """Return True if a button among the lines of a form was pressed, rather than to save it."""
    return BUTTON in request.form and any(getattr(f, "is_rearranged", False) for f in form)
