"""Move contacts to the trash."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import exists

from app.contacts.models import Contact
from app.operations.actions import Action
from app.operations.batch import Batch
from app.staff.models import StaffUser


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
    reasons = {
        "signs_in": _l("This person can sign in. Remove their access first in Access rights.")
    }

    def apply(self, batch: Batch) -> None:
        signs_in = exists().where(StaffUser.id == Contact.user_id, StaffUser.may_log_in())
        batch.skip(signs_in, "signs_in")
        batch.move_to_trash()
