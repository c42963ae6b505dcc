"""Delete what hangs on rows that were deleted for good."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.log.models import Logged
from app.log.reactions import Reaction
from app.security.actor import Actor
from app.subjects import attached_models
from app.trash.services import purge_rows


class PurgeAttached(Reaction):
    """Delete documents, notes and whatever else hangs on purged rows; nobody could see it."""

    model = Logged
    events = ("purged",)

    def react(
        self, session: Session, ids: Sequence[int], fields: frozenset[str], actor: Actor
    ) -> None:
        table = self.changed_model.__tablename__
        for model in attached_models(self.changed_model):
            about = select(model).where(model.subject_type == table, model.subject_id.in_(ids))
            purge_rows(session, model, about.execution_options(with_trash=True), actor)
