"""Remove a tag from contacts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact, Tag
from app.operations.actions import Action, ActionForm, RepositoryField
from app.operations.batch import Batch


class RemoveTag(Action):
    """Remove a tag from the files that have it."""

    model = Contact
    label = _l("Remove a tag")
    button = _l("Remove tag from %(rows)s")
    icon = "x-square"
    order = 20
    unchanged_label = _l("Don’t have it")
    unchanged_outcome = _l("Didn’t have it")

    class Form(ActionForm):
        """The form: the tag."""

        tag = RepositoryField(Tag, _l("Tag"))

    def apply(self, batch: Batch) -> None:
        batch.unlink(Contact.tags, self.answers.tag)
