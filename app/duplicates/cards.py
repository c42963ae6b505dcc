"""Cards of the start page about duplicates."""

from __future__ import annotations

from collections.abc import Sequence

from app.contacts.models import Contact
from app.crud.screens import may
from app.crud.startpage import Todo, TodoEntry
from app.duplicates.models import DuplicatePair
from app.duplicates.queries import select_pairs
from app.i18n.counted import Counted
from app.security.actor import current_actor


class DuplicatesTodo(Todo):
    """Pairs of contacts that may be the same person."""

    icon = "intersect"
    order = 40
    words = Counted("%(num)s possible duplicate", "%(num)s possible duplicates")

    @classmethod
    def is_allowed(cls) -> bool:
        return may("can_list", Contact) and may("can_edit", Contact)

    @classmethod
    def entries(cls) -> Sequence[TodoEntry]:
        query = select_pairs(current_actor()).with_only_columns(DuplicatePair.low_id)
        return [TodoEntry(query, cls.words, "/duplicates/")]
