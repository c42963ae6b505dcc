"""Add a tag to rows."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.operations.actions import Action, ActionForm, RelationField
from app.operations.batch import Batch
from app.tags.models import Tagged


class AddTag(Action):
    """Add a tag to the rows that do not have it."""

    model = Tagged
    label = _l("Add a tag")
    button = _l("Add tag to %(rows)s")
    icon = "tag"
    order = 10

    class Form(ActionForm):
        """The form: the tag."""

        tag = RelationField(_l("Tag"), relation="tags")

    def apply(self, batch: Batch) -> None:
        batch.link(self.model.tags, self.answers.tag)
