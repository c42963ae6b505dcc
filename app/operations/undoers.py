"""How operations are undone that are no collective actions: at once, by the room that made them."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.operations.models import Operation
from app.registry import Plug
from app.security.actor import Actor


class Undoer(Plug):
    """Undoes the operations of an action without a job (a plug). Write it in ``undoers.py``."""

    action: ClassVar[str]

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    def why_not(self, session: Session) -> Any:
        """Return why the operation cannot be undone, or an empty text."""
        raise NotImplementedError

    def undo(self, session: Session, actor: Actor) -> None:
        """Undo it in this transaction; raise DomainError if it cannot be."""
        raise NotImplementedError


def find_undoer(operation: Operation) -> Undoer | None:
    """Return what undoes an operation at once, or None for one that a job undoes."""
    found = (kind for kind in Undoer.all() if kind.action == operation.action)
    return next((kind(operation) for kind in found), None)
