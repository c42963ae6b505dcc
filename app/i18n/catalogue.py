"""The catalogue of the reader's language, found once a language rather than once a sentence."""

from __future__ import annotations

from typing import Any

from flask_babel import Domain, get_locale


class CachedDomain(Domain):
    """flask-babel's messages; a page asks for a hundred of them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._found: dict[str, Any] = {}

    def get_translations(self) -> Any:
        """Return the catalogue of the language in force."""
        locale = get_locale()
        if locale is None:
            return super().get_translations()
        found = self._found.get(locale.language)
        if found is None:
            found = self._found[locale.language] = super().get_translations()
        return found
