"""Parts that rooms add to the form of a new row, below its first group of fields: a plug each."""

from __future__ import annotations

from typing import Any, ClassVar

from app.registry import Plug


class FormPart(Plug):
    """A part of the form that adds a row of ``model`` (a plug). Put it in ``form_parts.py``."""

    model: ClassVar[Any]
    template: ClassVar[str]
    order: ClassVar[int] = 50

    @classmethod
    def is_allowed(cls) -> bool:
        """Return True if the user may see it."""
        return True


def form_parts(model: type) -> list[type[FormPart]]:
    """Return the parts of the form that adds a row of a model, in order."""
    found = [part for part in FormPart.all() if issubclass(model, part.model)]
    return sorted((part for part in found if part.is_allowed()), key=lambda part: part.order)
