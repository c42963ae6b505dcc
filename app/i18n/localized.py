"""Sentences that are kept, and read later by readers of any language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from flask_babel import force_locale
from sqlalchemy import Text, TypeDecorator

from app.i18n.languages import LANGUAGES, current_language


class LocalizedText(dict[str, str]):
    """A sentence in every language, by language; as text it is in the reader's."""

    def __str__(self) -> str:
        return self.get(current_language()) or next(filter(None, self.values()), "")

    def __bool__(self) -> bool:
        return any(self.values())


def localize(sentence: Callable[[], str]) -> LocalizedText:
    """Return what ``sentence`` says in each language."""
    found = LocalizedText()
    for language in LANGUAGES:
        with force_locale(language):
            found[language] = sentence()
    return found


class LocalizedTextType(TypeDecorator[LocalizedText]):
    """A sentence in every language, kept as JSON; plain text is the same in all of them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, str] | str | None, dialect) -> str | None:
        """Write the languages down; of text, only the text."""
        if not isinstance(value, Mapping):
            return value
        return json.dumps(value, ensure_ascii=False) if any(value.values()) else ""

    def process_result_value(self, value: str | None, dialect) -> LocalizedText | None:
        """Give the sentence back."""
        if value is None:
            return None
        if not value.startswith('{"'):
            return LocalizedText({"": value})
        return LocalizedText(json.loads(value))
