"""Let go of merged rows when the row that they were merged into is deleted for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.log.reactions import Reaction
from app.merging.models import Mergeable
from app.numbers.models import FormerNumber
from app.security.actor import Actor


class ForgetMerges(Reaction):
    """Nothing leads to a row that is gone; what was merged into it may be restored."""

    model = Mergeable
    events = ("purged",)

    def react(
        self, session: Session, ids: Sequence[int], fields: frozenset[str], actor: Actor
    ) -> None:
        model: Any = self.changed_model
        is_theirs = model.merged_into_id.in_(ids)
        statement = update(model).where(is_theirs, model.merged_into_id.is_not(None))
        statement = statement.values(merged_into_id=None)
        session.execute(statement, execution_options={"synchronize_session": False})
        table = model.__tablename__
        session.execute(
            delete(FormerNumber).where(
                FormerNumber.subject_type == table, FormerNumber.subject_id.in_(ids)
            )
        )
