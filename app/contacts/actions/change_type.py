"""Change the type of contacts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact, ContactType
from app.operations.actions import Action, ActionForm, RepositoryField
from app.operations.batch import Batch


class ChangeType(Action):
    """Set the type of contacts, or empty it."""

    model = Contact
    label = _l("Change type")
    button = _l("Change type of %(rows)s")
    icon = "person-badge"
    order = 50

    class Form(ActionForm):
        """The form: the new type."""

        type = RepositoryField(ContactType, _l("New type"), or_none=True)

    def apply(self, batch: Batch) -> None:
        batch.set(Contact.type_id, getattr(self.answers.type, "id", None))
