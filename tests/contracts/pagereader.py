"""Read the forms of a page as a browser would: their fields, and what stands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Field:
    """A field of a form, with what it would send."""

    name: str
    kind: str
    values: list[str]
    options: list[str] = field(default_factory=list)
    is_sent: bool = True
    takes_many: bool = False
    # What is written once and never shown again: a password, a code from a telephone.
    is_secret: bool = False

    @property
    def takes_text(self) -> bool:
        """Say whether people type into it, and see it again."""
        return not self.is_secret and self.kind not in (
            "hidden", "submit", "button", "file", "checkbox", "radio", "select", "password",
        )  # fmt: skip


@dataclass
class Form:
    """A form of a page."""

    action: str
    method: str
    fields: list[Field] = field(default_factory=list)

    def sent(self, **changes: str) -> dict[str, list[str]]:
        """Return what sending the form would say, with some fields changed."""
        said: dict[str, list[str]] = {}
        for one in self.fields:
            if one.is_sent and one.kind not in ("file", "submit", "button"):
                said.setdefault(one.name, []).extend(one.values)
        return said | {name: [value] for name, value in changes.items()}

    def __getitem__(self, name: str) -> Field:
        return next(one for one in self.fields if one.name == name)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._inside: Form | None = None
        self._select: Field | None = None
        self._text: Field | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = Form(said.get("action", ""), said.get("method", "get").upper())
            self.forms.append(self._inside)
        elif tag == "option" and self._select is not None:
            self._select.options.append(said.get("value", ""))
            if "selected" in said:
                self._select.values.append(said.get("value", ""))
        elif tag in ("input", "textarea", "select", "button") and self._inside is not None:
            self._field(tag, said)

    def _field(self, tag: str, said: dict[str, str]) -> None:
        if not said.get("name") or self._inside is None:
            return
        kind = said.get("type", "submit" if tag == "button" else "text")
        kind = tag if tag in ("textarea", "select") else kind
        one = Field(said["name"], kind, [] if tag != "input" else [said.get("value", "")])
        one.takes_many = "multiple" in said
        one.is_secret = "readonly" in said or said.get("autocomplete") == "one-time-code"
        if kind in ("checkbox", "radio"):
            one.is_sent = "checked" in said
            one.options = one.values = [said.get("value", "on")]
        self._inside.fields.append(one)
        if tag == "select":
            self._select = one
        elif tag == "textarea":
            one.values, self._text = [""], one

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.values[0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None
        elif tag == "textarea" and self._text is not None:
            # A line end right after the tag is no part of the text.
            self._text.values[0] = re.sub(r"\A\r?\n", "", self._text.values[0])
            self._text = None
        elif tag == "select" and self._select is not None:
            if not self._select.values and not self._select.takes_many:
                self._select.values = self._select.options[:1]
            self._select = None


def forms_of(page: str) -> list[Form]:
    """Return every form of a page, in order."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms


def form_of(page: str, action: str | None = None) -> Form:
    """Return the form that writes: the one with the most fields, or the one sent to ``action``."""
    found = [f for f in forms_of(page) if f.method == "POST"]
    if action is not None:
        found = [f for f in found if f.action == action]
    return max(found, key=lambda form: len(form.fields))
