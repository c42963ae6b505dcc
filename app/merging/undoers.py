"""Undo a merge wherever operations are undone: API and command."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.merging.models import Merge
from app.merging.queries import rows_of
from app.merging.services import ACTION, NotMerged, undo_merge, why_not_undone
from app.operations.undoers import Undoer
from app.security.actor import Actor, current_actor
from app.subjects import model_named


class UndoMerge(Undoer):
    """Undo a merge, as its page does."""

    action = ACTION

    def why_not(self, session: Session) -> str:
        merge, survivor, merged = self._find(session, current_actor())
        if merge is None or survivor is None or merged is None:
            return _("You no longer have access to it.")
        return why_not_undone(session, merge, survivor, merged)

    def undo(self, session: Session, actor: Actor) -> None:
        merge, survivor, merged = self._find(session, actor)
        if merge is None:
            raise DomainError(_("It is too late to undo this."))
        try:
            undo_merge(session, merge, survivor, merged, actor)
        except NotMerged:
            raise DomainError(_("You no longer have access to it.")) from None

    def _find(self, session: Session, actor: Actor) -> tuple[Merge | None, Any, Any]:
        query = select(Merge).where(Merge.operation_id == self.operation.id)
        merge = session.scalar(query)
        if merge is None:
            return None, None, None
        return merge, *rows_of(session, model_named(merge.subject_type), merge, actor)
