"""Move contacts to another status."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact, Status
from app.operations.actions import Action, ActionForm, RepositoryField
from app.operations.batch import Batch


class ChangeStatus(Action):
    """Give the files another status, or none."""

    model = Contact
    label = _l("Change status")
    icon = "toggle-on"
    order = 40

    class Form(ActionForm):
        """Which status."""

        status = RepositoryField(Status, _l("New status"), or_none=True)

    def apply(self, batch: Batch) -> None:
        batch.set(Contact.status_id, getattr(self.answers.status, "id", None))
