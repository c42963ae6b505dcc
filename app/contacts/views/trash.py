"""Contacts → Trash."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from app.contacts.models import Contact
from app.contacts.views.contacts import ContactView
from app.crud.interface import TrashInterface
from app.crud.trashview import TrashView
from app.security.areas import Area


class ContactTrashView(TrashView):
    """Contacts that were deleted."""

    datamodel = TrashInterface(Contact)
    route_base = "/contacts/trash"
    label = _l("Trash")
    list_label = _l("Contacts")
    singular = _l("Contact")
    counted = ContactView.counted
    icon = "trash3"
    has_faces = True
    category = "Contacts"
    order = 90
    area = Area.CONTACTS
    list_route_base = "/contacts"
    trash_note = _l("This contact is in the trash. Restore it to edit it.")
    title_parts = ("first_name", "last_name")
    label_columns: ClassVar[dict[str, Any]] = {
        **ContactView.label_columns,
        "trashed_at": _l("Deleted"),
    }
    list_columns: ClassVar[Any] = [
        "name",
        "trashed_at",
        "account",
        "type",
        "status",
        "entity",
        "email",
    ]
    more_columns = ("number", "category", "phone", "city")
    order_by: ClassVar[dict[str, str]] = {"name": "sort_name"}
    search_columns: ClassVar[Any] = [
        "type", "category", "status", "tags", "entity", "account", "last_name", "trashed_at",
    ]  # fmt: skip
    edit_columns: ClassVar[Any] = ["last_name"]
    show_fieldsets = ContactView.show_fieldsets
