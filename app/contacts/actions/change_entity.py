"""Move contacts to another entity."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact
from app.crud.fields import LinkField
from app.entities.models import Entity
from app.extensions import db
from app.operations.actions import Action, ActionForm, ReasonField
from app.operations.batch import Batch
from app.security.actor import current_actor
from app.security.scope import visible

# Entities that are in the page, for a browser that runs no scripts; scripts look them all up.
IN_PAGE = 200


class EntityField(LinkField):
    """An entity, looked up while typing; the first ones are in the page as well."""

    def options(self) -> list[tuple[Any, str, bool]]:
        """Return (id, label, chosen), in the order of the tree."""
        chosen = super().options()
        known = {number for number, _label, _chosen in chosen}
        query = visible(Entity, current_actor()).order_by(Entity.path).limit(IN_PAGE)
        others = [row for row in db.session.scalars(query) if row.id not in known]
        return [*chosen, *((row.id, row.name, False) for row in others)]


class ChangeEntity(Action):
    """Move the files to another part of the organisation; others see them from then on."""

    model = Contact
    label = _l("Change entity")
    icon = "diagram-3"
    order = 60
    help = _l(
        "Who works in the new entity, or above it, will see these files; who works only in the old "
        "one will not any more."
    )

    class Form(ActionForm):
        """Where to, and why."""

        entity = EntityField(
            _l("New entity"), model=Entity, lookup="/contacts/lookup/entity", required=True
        )
        reason = ReasonField()

    def apply(self, batch: Batch) -> None:
        batch.set(Contact.entity_id, self.answers.entity.id)
