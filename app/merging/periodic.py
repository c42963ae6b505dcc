"""Delete what undoing a merge needs, once it is too late for that."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import delete, null, select, update

from app.extensions import db
from app.merging.models import Merge, MergeMove
from app.periodic import PeriodicTask, is_stopping
from app.types import now

# Moves deleted in one transaction.
CHUNK_SIZE = 500


class DeleteExpiredMerges(PeriodicTask):
    """Delete the values of before and the moves of merges that can no longer be undone."""

    interval_seconds = 3600

    def run(self, app: Flask) -> None:
        """Delete them in chunks."""
        session = db.session()
        expired = select(Merge.id).where(Merge.undo_until < now())
        emptied = update(Merge).where(Merge.undo_until < now(), Merge.fields.is_not(None))
        session.execute(emptied.values(fields=null()))
        session.commit()
        while not is_stopping():
            some = select(MergeMove.id).where(MergeMove.merge_id.in_(expired)).limit(CHUNK_SIZE)
            is_expired = MergeMove.merge_id.in_(expired)
            done = session.execute(delete(MergeMove).where(MergeMove.id.in_(some), is_expired))
            session.commit()
            if not done.rowcount:  # type: ignore[attr-defined]
                break
