"""Read the ``field=value`` conditions of the command line: a plug for each model with actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from app.registry import Plug
from app.security.actor import Actor


class ConditionReader(Plug):
    """Turn conditions on the rows of a model into a query."""

    model: ClassVar[type]

    @classmethod
    def select(
        cls, session: Session, conditions: Iterable[str], actor: Actor, country: str
    ) -> Select:
        """Select the visible rows that meet every condition; DomainError if one is wrong."""
        raise NotImplementedError


def find_condition_reader(model: Any) -> type[ConditionReader] | None:
    """Return the reader of a model's conditions, or None if there is none."""
    readers = ConditionReader.all()
    return next((reader for reader in readers if issubclass(model, reader.model)), None)
