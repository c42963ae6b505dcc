"""Change the category of contacts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Category, Contact
from app.operations.actions import Action, ActionForm, RepositoryField
from app.operations.batch import Batch


class ChangeCategory(Action):
    """Set the category of contacts, or empty it."""

    model = Contact
    label = _l("Change category")
    button = _l("Change category of %(rows)s")
    icon = "bookmark"
    order = 30

    class Form(ActionForm):
        """The form: the new category."""

        category = RepositoryField(Category, _l("New category"), or_none=True)

    def apply(self, batch: Batch) -> None:
        batch.set(Contact.category_id, getattr(self.answers.category, "id", None))
