"""Which rows the command line means by ``field=value``: a plug for each model that has actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from app.registry import Plug
from app.security.actor import Actor


class Where(Plug):
    """Reads conditions on the rows of a model; a room puts it beside its exports."""

    model: ClassVar[type]

    @classmethod
    def select(
        cls, session: Session, conditions: Iterable[str], actor: Actor, country: str
    ) -> Select:
        """Select what meets every condition, within the actor's reach; DomainError if one is wrong."""
        raise NotImplementedError


def where_of(model: Any) -> type[Where] | None:
    """Return what reads conditions on a model, if anything does."""
    return next((where for where in Where.all() if issubclass(model, where.model)), None)
