"""Cache the gettext catalogue of each language."""

from __future__ import annotations

from typing import Any

from flask_babel import Domain

from app.i18n.languages import current_locale


class CachedDomain(Domain):
    """flask-babel's Domain with its catalogues cached: a page translates a hundred messages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._catalogues: dict[str, Any] = {}

    def get_translations(self) -> Any:
        """Return the catalogue of the current language."""
        locale = current_locale()
        if locale is None:
            return super().get_translations()
        catalogue = self._catalogues.get(locale.language)
        if catalogue is None:
            catalogue = self._catalogues[locale.language] = super().get_translations()
        return catalogue
