"""The values of a row of a file, as the methods of its model read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import QueryableAttribute


class RowValues:
    """Values that a model's methods read like those of an instance, which takes long to create.

    Columns and relations without a value are None; properties and methods are the model's.
    """

    def __init__(self, model: Any, values: Mapping[str, Any]) -> None:
        self._model, self._values = model, values

    def __getattr__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        attribute = getattr(self._model, name)
        if isinstance(attribute, property) and attribute.fget is not None:
            return attribute.fget(self)
        if isinstance(attribute, QueryableAttribute):
            return None
        return attribute.__get__(self) if callable(attribute) else attribute
