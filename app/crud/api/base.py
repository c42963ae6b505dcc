"""Base class of API resources that are not generated from a view."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder.api import BaseApi

from app.registry import Plug


class Api(BaseApi, Plug):
    """A resource under ``/api/v1/…``. Subclassing registers it.

    The guard authenticates the API key; each method checks its own permission.
    """

    resource_name: ClassVar[str]
    label: ClassVar[Any]
    icon: ClassVar[str] = "lightning"
    # Shown on the API page: a sentence or two, and example requests.
    help: ClassVar[Any] = ""
    examples: ClassVar[tuple[str, ...]] = ()

    def schemas(self) -> dict[str, Any]:
        """Return the JSON schemas of requests and responses, by name."""
        return {}

    def paths(self) -> dict[str, Any]:
        """Return the OpenAPI path items, by path."""
        raise NotImplementedError
