"""Addresses for programs that are not the rows of a screen."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder.api import BaseApi

from app.registry import Plug


class Api(BaseApi, Plug):
    """Something programs can do under ``/api/v1/…``. Subclass it, describe it, and it is there.

    Whoever comes here shows a key; what they may do each method asks for itself.
    """

    resource_name: ClassVar[str]
    label: ClassVar[Any]
    icon: ClassVar[str] = "lightning"
    # A sentence or two for the page that describes the API, and what a program sends.
    help: ClassVar[Any] = ""
    examples: ClassVar[tuple[str, ...]] = ()

    def schemas(self) -> dict[str, Any]:
        """Return the JSON schemas of what is sent and answered, by name."""
        return {}

    def paths(self) -> dict[str, Any]:
        """Return the addresses, and what can be done at each."""
        raise NotImplementedError
