"""Text stored in every language, for readers of any language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from flask_babel import force_locale
from sqlalchemy import Text, TypeDecorator

from app.i18n.languages import LANGUAGES, current_language


class LocalizedText(dict[str, str]):
    """A text by language; ``str()`` returns it in the reader's language."""

    def __str__(self) -> str:
        return self.get(current_language()) or next(filter(None, self.values()), "")

    def __bool__(self) -> bool:
        return any(self.values())


def localize(text: Callable[[], str]) -> LocalizedText:
    """Call ``text`` once in each language and return the results."""
    result = LocalizedText()
    for language in LANGUAGES:
        with force_locale(language):
            result[language] = text()
    return result


class LocalizedTextType(TypeDecorator[LocalizedText]):
    """Column type of a LocalizedText, stored as JSON; plain text is the same in all languages."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, str] | str | None, dialect) -> str | None:
        """Return the JSON of a LocalizedText; plain text as it is."""
        if not isinstance(value, Mapping):
            return value
        return json.dumps(value, ensure_ascii=False) if any(value.values()) else ""

    def process_result_value(self, value: str | None, dialect) -> LocalizedText | None:
        """Return the stored text as a LocalizedText."""
        if value is None:
            return None
        if not value.startswith('{"'):
            return LocalizedText({"": value})
        return LocalizedText(json.loads(value))
