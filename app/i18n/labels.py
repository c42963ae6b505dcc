"""Labels kept in both languages."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, String, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from app.i18n.languages import current_language


class Bilingual:
    """A row whose label is written in English and in Spanish.

    A label that is missing in one language falls back to the other; ``is_complete`` says so.
    """

    label_en: Mapped[str] = mapped_column(String(120), default="")
    label_es: Mapped[str] = mapped_column(String(120), default="")

    @hybrid_property
    def label(self) -> str:
        """Return the label in the reader's language."""
        first, second = (
            (self.label_es, self.label_en)
            if current_language() == "es"
            else (self.label_en, self.label_es)
        )
        return first or second or ""

    @label.inplace.expression
    @classmethod
    def _label(cls):
        return label_in_sql(cls)

    @property
    def is_complete(self) -> bool:
        """Say whether both languages are filled in."""
        return bool(self.label_en and self.label_es)

    def __str__(self) -> str:
        return self.label


def label_in_sql(rows: Any) -> ColumnElement[str]:
    """Return the label, in the reader's language, of a model or of an alias of one.

    An alias must not be asked for ``label``: it remembers the answer, and with it the language
    of whoever asked first.
    """
    first, second = (
        (rows.label_es, rows.label_en)
        if current_language() == "es"
        else (rows.label_en, rows.label_es)
    )
    return func.coalesce(func.nullif(first, ""), second)
