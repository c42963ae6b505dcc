"""Move rows to the trash."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.operations.actionbase import Action
from app.operations.batch import Batch
from app.trash.models import Trashable


class Delete(Action):
    """Move rows to the trash, from where they can be restored."""

    model = Trashable
    label = _l("Delete")
    button = _l("Move %(rows)s to trash")
    icon = "trash3"
    order = 90
    is_dangerous = True
    unchanged_label = unchanged_outcome = _l("Already in the trash")
    help = _l("You can restore them from the trash. Everything linked to them is kept.")

    @classmethod
    def applies_to(cls, model: type) -> bool:
        return super().applies_to(model) and not getattr(model, "is_changed_row_by_row", False)

    def apply(self, batch: Batch) -> None:
        batch.move_to_trash()
