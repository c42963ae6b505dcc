"""Move rows to another entity."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.operations.actionbase import ActionForm, ChangeRelation, ReasonField, RelationField
from app.security.scope import Scoped


class ChangeEntity(ChangeRelation):
    """Move rows to another entity, and so into the scope of other users."""

    model = Scoped
    relation = "entity"
    label = _l("Change entity")
    button = _l("Change entity of %(rows)s")
    icon = "diagram-3"
    order = 60
    help = _l(
        "People in the new entity and those above it will have access. People only in the old one will lose access."
    )

    class Form(ActionForm):
        """The form: the new entity and the reason."""

        entity = RelationField(_l("New entity"))
        reason = ReasonField(
            required=False,
            description=_l(
                "Optional. It appears on this process’s page, which is linked from each item’s log."
            ),
        )
