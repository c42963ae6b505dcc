"""The request class: it removes characters from the input that cannot be stored."""

from __future__ import annotations

import re
from functools import lru_cache
from io import BytesIO
from typing import Any

from babel.support import Translations
from flask import Request, request
from flask_babel import get_locale
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.utils import cached_property
from wtforms.i18n import messages_path

# A NUL cannot be stored in a database column, a lone surrogate not be encoded.
_INVALID = re.compile("[\x00\ud800-\udfff]")


# More than any form has: one of 200 lines has some thousand. Parsing a million would take seconds.
MAX_FIELDS = 10_000


class _Parser(FormDataParser):
    """A form parser that rejects oversized forms before it parses them."""

    def _parse_urlencoded(self, stream: Any, mimetype: str, content_length: Any, options: Any):
        max_size = self.max_form_memory_size
        body = stream.read(-1 if max_size is None else max_size + 1)
        if (max_size is not None and len(body) > max_size) or body.count(b"&") > MAX_FIELDS:
            raise RequestEntityTooLarge
        return super()._parse_urlencoded(BytesIO(body), mimetype, content_length, options)


class CleanRequest(Request):
    """A request whose query and form parameters have no NULs or lone surrogates."""

    form_data_parser_class = _Parser
    # Of a multipart form; Flask's default is 1,000.
    max_form_parts = MAX_FIELDS

    @cached_property
    def args(self) -> ImmutableMultiDict[str, str]:  # type: ignore[override]
        """Return the parameters of the query string."""
        return _without_invalid(super().args)

    @property
    def wtforms_translations(self) -> Any:
        """Return the catalogue of WTForms, which Flask-WTF would read from its file each time."""
        return _translations(str(get_locale()))

    def _load_form_data(self) -> None:
        is_loaded = "form" in self.__dict__
        super()._load_form_data()
        if not is_loaded:
            self.__dict__["form"] = _without_invalid(self.__dict__["form"])


@lru_cache(maxsize=8)
def _translations(language: str) -> Any:
    return Translations.load(messages_path(), [language], domain="wtforms")


def is_api_request() -> bool:
    """Return True for a request to the API, which is answered in JSON and needs an API key."""
    return request.path.startswith("/api/")


def _without_invalid(values: Any) -> ImmutableMultiDict[str, str]:
    pairs = list(values.items(multi=True))
    if not any(_INVALID.search(name) or _INVALID.search(value) for name, value in pairs):
        return values
    return ImmutableMultiDict(
        (_INVALID.sub("", name), _INVALID.sub("", value)) for name, value in pairs
    )
