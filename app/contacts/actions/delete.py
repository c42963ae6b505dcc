"""Move contacts to the trash."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact
from app.operations.actions import Action
from app.operations.batch import Batch


class Delete(Action):
    """Move contacts to the trash, from where they can be restored."""

    model = Contact
    label = _l("Delete")
    button = _l("Move %(rows)s to trash")
    icon = "trash3"
    order = 90
    is_dangerous = True
    unchanged_label = unchanged_outcome = _l("Already in the trash")
    help = _l("The contacts are moved to the trash. Everything linked to them is kept.")

    def apply(self, batch: Batch) -> None:
        batch.move_to_trash()
