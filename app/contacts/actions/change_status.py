"""Change the status of contacts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact, Status
from app.operations.actions import Action, ActionForm, RepositoryField
from app.operations.batch import Batch


class ChangeStatus(Action):
    """Set the status of contacts, or empty it."""

    model = Contact
    label = _l("Change status")
    button = _l("Change status of %(rows)s")
    icon = "toggle-on"
    order = 40

    class Form(ActionForm):
        """The form: the new status."""

        status = RepositoryField(Status, _l("New status"), or_none=True)

    def apply(self, batch: Batch) -> None:
        batch.set(Contact.status_id, getattr(self.answers.status, "id", None))
