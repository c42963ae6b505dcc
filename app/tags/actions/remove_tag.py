"""Remove a tag from rows."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.operations.actions import Action, ActionForm, RelationField
from app.operations.batch import Batch
from app.tags.models import Tagged


class RemoveTag(Action):
    """Remove a tag from the rows that have it."""

    model = Tagged
    label = _l("Remove a tag")
    button = _l("Remove tag from %(rows)s")
    icon = "x-square"
    order = 20
    unchanged_label = _l("Don’t have it")
    unchanged_outcome = _l("Didn’t have it")

    class Form(ActionForm):
        """The form: the tag."""

        tag = RelationField(_l("Tag"), relation="tags")

    def apply(self, batch: Batch) -> None:
        batch.unlink(self.model.tags, self.answers.tag)
