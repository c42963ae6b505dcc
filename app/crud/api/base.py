"""Base class of API resources that are not generated from a view."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder.api import BaseApi

from app.crud.fabnames import IGNORED_BY_API, refuse_ignored_names
from app.registry import Plug


class Api(BaseApi, Plug):
    """A resource under ``/api/v1/…``. Subclassing registers it.

    The guard authenticates the API key; each method checks its own permission.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        refuse_ignored_names(cls, Api, IGNORED_BY_API)
        super().__init_subclass__(**kwargs)

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
