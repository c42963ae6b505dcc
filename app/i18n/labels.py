"""Labels stored in both languages."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, String, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from app.i18n.languages import current_language


class Bilingual:
    """Mixin: a row with a label in English and one in Spanish.

    If one is missing, the other is shown; then ``is_complete`` is False.
    """

    label_en: Mapped[str] = mapped_column(String(120), default="")
    label_es: Mapped[str] = mapped_column(String(120), default="")

    @hybrid_property
    def label(self) -> str:
        """Return the label in the reader's language."""
        return choose_label(self.label_en, self.label_es)

    @label.inplace.expression
    @classmethod
    def _label(cls):
        return label_expression(cls)

    @property
    def is_complete(self) -> bool:
        """Return True if the label is filled in in both languages."""
        return bool(self.label_en and self.label_es)

    def __str__(self) -> str:
        return self.label


def choose_label(label_en: str | None, label_es: str | None) -> str:
    """Return which of two labels is shown to the reader."""
    first, second = (label_es, label_en) if current_language() == "es" else (label_en, label_es)
    return first or second or ""


def label_expression(rows: Any) -> ColumnElement[str]:
    """Return the SQL expression of the label in the reader's language.

    ``rows`` is a model or an alias of one. Do not use ``alias.label``: an alias caches the
    expression, and with it the language of the first request.
    """
    first, second = (
        (rows.label_es, rows.label_en)
        if current_language() == "es"
        else (rows.label_en, rows.label_es)
    )
    return func.coalesce(func.nullif(first, ""), second)
