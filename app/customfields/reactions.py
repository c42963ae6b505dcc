"""React when a custom field is removed or restored: its index goes, or is made again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.customfields.models import CustomField
from app.customfields.services import check_restored, enqueue_indexing
from app.log.reactions import Reaction
from app.security.actor import Actor


class FollowRemovals(Reaction):
    """A field in the trash needs no index; a restored one must still fit in."""

    model = CustomField
    events = ("trashed", "restored")

    def react(
        self, session: Session, ids: Sequence[int], fields: frozenset[str], actor: Actor
    ) -> None:
        query = select(CustomField).where(CustomField.id.in_(ids)).order_by(CustomField.id)
        for field in session.scalars(query.execution_options(with_trash=True)):
            if self.event == "restored":
                check_restored(session, field)
            if field.is_sortable:
                enqueue_indexing(session, field, actor)
