"""What a merge does with the pairs that contacts are in."""

from __future__ import annotations

from app.contacts.models import Contact
from app.duplicates.models import DuplicatePair, LargeGroup
from app.merging.mergerule import LeaveRows, Reference


class LeavePairs(LeaveRows):
    """A pair with a contact in the trash is not shown; the next search finds others."""

    target = Contact

    def references(self) -> set[Reference]:
        pair, group = DuplicatePair.__tablename__, LargeGroup.__tablename__
        return {(pair, "low_id"), (pair, "high_id"), (group, "contact_id")}
