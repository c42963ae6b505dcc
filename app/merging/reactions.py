"""Let go of what merges keep: of rows that are purged, and of those whose values are erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, null, or_, select, update
from sqlalchemy.orm import Session

from app.log.reactions import Reaction
from app.merging.models import Merge, Mergeable, MergeMove
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


class EmptyMerges(Reaction):
    """Empty the values of an erased row in its merges, which cannot be undone any more then."""

    model = Mergeable
    events = ("log_erased",)

    def react(
        self, session: Session, ids: Sequence[int], fields: frozenset[str], actor: Actor
    ) -> None:
        model: Any = self.changed_model
        is_theirs = (
            Merge.subject_type == model.__tablename__,
            or_(Merge.survivor_id.in_(ids), Merge.merged_id.in_(ids)),
        )
        merges = select(Merge.id).where(*is_theirs)
        options = {"synchronize_session": False}
        session.execute(
            update(MergeMove)
            .where(MergeMove.merge_id.in_(merges), MergeMove.before.is_not(None))
            .values(before=null()),
            execution_options=options,
        )
        session.execute(
            update(Merge).where(*is_theirs, Merge.fields.is_not(None)).values(fields=null()),
            execution_options=options,
        )
