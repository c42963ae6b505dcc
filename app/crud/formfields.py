"""The fields of a form as HTML: what a template draws around an input is kept, not drawn anew."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from markupsafe import Markup

from app.caches import LatestOnly
from app.i18n.formats import is_day_first
from app.i18n.languages import current_language
from app.security.rights import current_rights

# Takes the place of the input in what is kept.
_INPUT = Markup("[[input]]")
_kept = LatestOnly(4_000)


class _Frame:
    """What stands before and after the input of a field, and the attributes that it is given."""

    def __init__(self, field: Any, html: str, attributes: dict[str, Any]) -> None:
        self.before, _mark, self.after = html.partition(_INPUT)
        self.attributes = attributes
        self.texts = _texts(field)


class _WithoutInput:
    """A field for the template that draws no input, but notes which attributes it would have."""

    def __init__(self, field: Any) -> None:
        self._field = field
        self.attributes: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._field, name)

    def __call__(self, **attributes: Any) -> Markup:
        self.attributes = attributes
        return _INPUT


def plain_field(form: Any, name: str, view: Any, row: Any, is_first: bool) -> Markup:
    """Return a field of a form with nothing unusual about it, else nothing: a template draws it."""
    field = form[name]
    if not _is_plain(field):
        return Markup()
    is_long = field.type == "ModelMultipleChoiceField" and len(field.chosen_ids()) > 5
    key = (
        type(form), name, view, is_first, is_long, bool(field.flags.required), row is None,
        bool(request.headers.get("X-Fragment")), current_language(), is_day_first(),
        current_rights(),
    )  # fmt: skip
    frame = _kept.get(key)
    # A view may give one form other texts than its class has.
    if frame is None or any(a is not b for a, b in zip(frame.texts, _texts(field), strict=True)):
        frame = _kept[key] = _draw(field, view, row, is_first)
    return Markup(f"{frame.before}{field.widget(field, **frame.attributes)}{frame.after}")


def _is_plain(field: Any) -> bool:
    return not (
        field.errors
        or field.render_kw
        or hasattr(field, "template")
        or getattr(field, "current", None)
        or getattr(field, "lookup_text", None)
        or field.type == "LinesField"
    )


def _texts(field: Any) -> tuple[Any, Any]:
    return field.label.text, field.description


def _draw(field: Any, view: Any, row: Any, is_first: bool) -> _Frame:
    without = _WithoutInput(field)
    html = render_template(
        "crud/one_field.html", it=without, view=view, row=row, is_first=is_first
    )
    return _Frame(field, html, without.attributes)
