"""Labels kept in both languages."""

from __future__ import annotations

from sqlalchemy import String, func
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
        if current_language() == "es":
            return func.coalesce(func.nullif(cls.label_es, ""), cls.label_en)
        return func.coalesce(func.nullif(cls.label_en, ""), cls.label_es)

    @property
    def is_complete(self) -> bool:
        """Say whether both languages are filled in."""
        return bool(self.label_en and self.label_es)

    def __str__(self) -> str:
        return self.label
