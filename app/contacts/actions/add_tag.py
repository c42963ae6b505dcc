"""Add a tag to contacts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact, Tag
from app.operations.actions import Action, ActionForm, RepositoryField
from app.operations.batch import Batch


class AddTag(Action):
    """Add a tag to the files that do not have it."""

    model = Contact
    label = _l("Add a tag")
    button = _l("Add tag to %(rows)s")
    icon = "tag"
    order = 10

    class Form(ActionForm):
        """The form: the tag."""

        tag = RepositoryField(Tag, _l("Tag"))

    def apply(self, batch: Batch) -> None:
        batch.link(Contact.tags, self.answers.tag)
