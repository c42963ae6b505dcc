"""The edge: what browsers send is made fit to keep before anything reads it."""

from __future__ import annotations

import re
from typing import Any

from flask import Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.utils import cached_property

# No database column holds a NUL, and no encoding a lone surrogate.
_IMPOSSIBLE = re.compile("[\x00\ud800-\udfff]")


class EdgeRequest(Request):
    """A request whose parameters hold only characters that can be kept."""

    @cached_property
    def args(self) -> ImmutableMultiDict[str, str]:  # type: ignore[override]
        """Return the parameters of the address."""
        return _possible(super().args)

    def _load_form_data(self) -> None:
        loaded = "form" in self.__dict__
        super()._load_form_data()
        if not loaded:
            self.__dict__["form"] = _possible(self.__dict__["form"])


def _possible(values: Any) -> ImmutableMultiDict[str, str]:
    pairs = list(values.items(multi=True))
    if not any(_IMPOSSIBLE.search(name) or _IMPOSSIBLE.search(value) for name, value in pairs):
        return values
    return ImmutableMultiDict(
        (_IMPOSSIBLE.sub("", name), _IMPOSSIBLE.sub("", value)) for name, value in pairs
    )
