"""Move contacts to another category."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Category, Contact
from app.operations.actions import Action, ActionForm, RepositoryField
from app.operations.batch import Batch


class ChangeCategory(Action):
    """Give the files another category, or none."""

    model = Contact
    label = _l("Change category")
    icon = "bookmark"
    order = 30

    class Form(ActionForm):
        """Which category."""

        category = RepositoryField(Category, _l("New category"), or_none=True)

    def apply(self, batch: Batch) -> None:
        batch.set(Contact.category_id, getattr(self.answers.category, "id", None))
