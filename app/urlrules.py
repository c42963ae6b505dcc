"""URL rules that compile what builds their addresses when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule


class LazyRule(Rule):
    """A rule whose builders of addresses are compiled one by one, not all at start.

    Werkzeug compiles two functions for each rule: half of the time in which the program starts.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        """Return a function that compiles the builder, puts it in its place and calls it."""
        compile_now = super()._compile_builder

        def build(rule: LazyRule, **values: Any) -> tuple[str, str]:
            builder = compile_now(append_unknown).__get__(rule, None)
            setattr(rule, "_build_unknown" if append_unknown else "_build", builder)
            return builder(**values)

        return build
