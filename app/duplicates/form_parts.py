"""The hint of the form that adds a contact: who it may be already."""

from __future__ import annotations

from app.contacts.models import Contact
from app.crud.formparts import FormPart
from app.crud.screens import may


class AlikeContacts(FormPart):
    """Contacts that may be the one being typed."""

    model = Contact
    template = "duplicates/alike.html"

    @classmethod
    def is_allowed(cls) -> bool:
        return may("can_list", Contact)
