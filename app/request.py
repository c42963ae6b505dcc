"""The edge: what browsers send is made fit to keep before anything reads it."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

from flask import Request, request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.utils import cached_property

# No database column holds a NUL, and no encoding a lone surrogate.
_IMPOSSIBLE = re.compile("[\x00\ud800-\udfff]")


# No form of ours has as many fields; a million of them hold up the program for seconds.
MAX_FIELDS = 5_000


class _Parser(FormDataParser):
    """Reads forms; one that no page of ours would send is refused before it is taken apart."""

    def _parse_urlencoded(self, stream: Any, mimetype: str, content_length: Any, options: Any):
        longest = self.max_form_memory_size
        sent = stream.read(-1 if longest is None else longest + 1)
        if (longest is not None and len(sent) > longest) or sent.count(b"&") > MAX_FIELDS:
            raise RequestEntityTooLarge
        return super()._parse_urlencoded(BytesIO(sent), mimetype, content_length, options)


class CleanRequest(Request):
    """A request whose parameters hold only characters that can be kept."""

    form_data_parser_class = _Parser

    @cached_property
    def args(self) -> ImmutableMultiDict[str, str]:  # type: ignore[override]
        """Return the parameters of the address."""
        return _possible(super().args)

    def _load_form_data(self) -> None:
        loaded = "form" in self.__dict__
        super()._load_form_data()
        if not loaded:
            self.__dict__["form"] = _possible(self.__dict__["form"])


def is_api_request() -> bool:
    """Say whether the request is made to the API: answered in JSON, opened by a key alone."""
    return request.path.startswith("/api/")


def _possible(values: Any) -> ImmutableMultiDict[str, str]:
    pairs = list(values.items(multi=True))
    if not any(_IMPOSSIBLE.search(name) or _IMPOSSIBLE.search(value) for name, value in pairs):
        return values
    return ImmutableMultiDict(
        (_IMPOSSIBLE.sub("", name), _IMPOSSIBLE.sub("", value)) for name, value in pairs
    )
