"""Move contacts to another entity."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact
from app.crud.modelfields import ModelChoiceField
from app.entities.models import Entity
from app.operations.actions import Action, ActionForm, ReasonField
from app.operations.batch import Batch


class ChangeEntity(Action):
    """Move contacts to another entity, and so into the scope of other users."""

    model = Contact
    label = _l("Change entity")
    button = _l("Change entity of %(rows)s")
    icon = "diagram-3"
    order = 60
    help = _l(
        "People in the new entity and those above it will have access to these contacts. People only in the old one will lose access."
    )

    class Form(ActionForm):
        """The form: the new entity and the reason."""

        entity = ModelChoiceField(
            _l("New entity"), model=Entity, lookup="/contacts/lookup/entity", required=True
        )
        reason = ReasonField(
            required=False,
            description=_l(
                "Optional. It appears on this process’s page, which is linked from each contact’s log."
            ),
        )

    def apply(self, batch: Batch) -> None:
        batch.set(Contact.entity_id, self.answers.entity.id)
