"""Parse the forms of an HTML page with their fields and values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Field:
    """A field of a form, with the values it would submit."""

    name: str
    kind: str
    values: list[str]
    options: list[str] = field(default_factory=list)
    is_submitted: bool = True
    is_multiple: bool = False
    # Its value is never shown again, such as a one-time code.
    is_secret: bool = False

    @property
    def is_text(self) -> bool:
        """Return True if text is typed into the field and shown again."""
        return not self.is_secret and self.kind not in (
            "hidden", "submit", "button", "file", "checkbox", "radio", "select", "password",
        )  # fmt: skip


@dataclass
class Form:
    """A form of a page."""

    action: str
    method: str
    fields: list[Field] = field(default_factory=list)

    def submitted(self, **changes: str) -> dict[str, list[str]]:
        """Return the data the form would submit, with some fields changed."""
        data: dict[str, list[str]] = {}
        for item in self.fields:
            if item.is_submitted and item.kind not in ("file", "submit", "button"):
                data.setdefault(item.name, []).extend(item.values)
        return data | {name: [value] for name, value in changes.items()}

    def __getitem__(self, name: str) -> Field:
        return next(item for item in self.fields if item.name == name)


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._templates = 0
        self._form: Form | None = None
        self._select: Field | None = None
        self._text: Field | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "template":
            self._templates += 1
        if self._templates:
            # A script copies it; a browser submits none of it.
            return
        if tag == "form":
            self._form = Form(
                attributes.get("action", ""), attributes.get("method", "get").upper()
            )
            self.forms.append(self._form)
        elif tag == "option" and self._select is not None:
            self._select.options.append(attributes.get("value", ""))
            if "selected" in attributes:
                self._select.values.append(attributes.get("value", ""))
        elif tag in ("input", "textarea", "select", "button") and self._form is not None:
            self._field(tag, attributes)

    def _field(self, tag: str, attributes: dict[str, str]) -> None:
        if not attributes.get("name") or self._form is None:
            return
        kind = attributes.get("type", "submit" if tag == "button" else "text")
        kind = tag if tag in ("textarea", "select") else kind
        item = Field(
            attributes["name"], kind, [] if tag != "input" else [attributes.get("value", "")]
        )
        item.is_multiple = "multiple" in attributes
        item.is_secret = (
            "readonly" in attributes or attributes.get("autocomplete") == "one-time-code"
        )
        if kind in ("checkbox", "radio"):
            item.is_submitted = "checked" in attributes
            item.options = item.values = [attributes.get("value", "on")]
        self._form.fields.append(item)
        if tag == "select":
            self._select = item
        elif tag == "textarea":
            item.values, self._text = [""], item

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.values[0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._templates -= 1
        if self._templates:
            return
        if tag == "form":
            self._form = None
        elif tag == "textarea" and self._text is not None:
            # HTML ignores a line end right after the tag.
            self._text.values[0] = re.sub(r"\A\r?\n", "", self._text.values[0])
            self._text = None
        elif tag == "select" and self._select is not None:
            if not self._select.values and not self._select.is_multiple:
                self._select.values = self._select.options[:1]
            self._select = None


def parse_forms(page: str) -> list[Form]:
    """Return all forms of a page, in order."""
    parser = _FormParser()
    parser.feed(page)
    return parser.forms


def find_post_form(page: str, action: str | None = None) -> Form:
    """Return the POST form with this action; without one, the POST form with most fields."""
    forms = [f for f in parse_forms(page) if f.method == "POST"]
    if action is not None:
        forms = [f for f in forms if f.action == action]
    return max(forms, key=lambda form: len(form.fields))
