"""The list and the pages of contacts."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, send_file
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import lazy_gettext as _l

from app import organisation
from app.addresses import address_columns
from app.contacts.models import Contact, Status
from app.crud.filepages import FilePages
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.extensions import db
from app.i18n.counted import Counted
from app.imports.views import ImportExportPages
from app.merging.views import MergePages
from app.repositories.queries import first_value
from app.security.areas import Area
from app.storage.files import find_file


class ContactView(ImportExportPages, MergePages, FilePages, ModelView):
    """Everybody the organisation deals with."""

    datamodel = ScopedInterface(Contact)
    route_base = "/contacts"
    label = _l("Contacts")
    singular = _l("Contact")
    counted = Counted("%(num)s contact", "%(num)s contacts")
    add_title = _l("New contact")
    all_label = _l("All contacts")
    per_page_label = _l("Contacts per page")
    add_or_import_label = _l("Add your first contact or import a list.")
    select_hint = _l("Select contacts to use actions")
    selected_labels = (_l("1 contact selected"), _l("{} contacts selected"))
    icon = "people"
    has_faces = True
    category = "Contacts"
    order = 10
    area = Area.CONTACTS
    title_parts = ("first_name", "last_name")
    quick_columns = ("email", "phone")
    hint_columns = ("number", "type", "entity")
    api = trash = in_new_menu = True
    merge_title = _l("Merge two contacts into one")
    trash_note = _l("This contact is in the trash. Restore it to edit it.")
    new_icon = "person-plus"
    label_columns: ClassVar[dict[str, Any]] = {
        "name": _l("Name"),
        "created_at": _l("Created"),
        "updated_at": _l("Last changed"),
    }
    list_columns: ClassVar[Any] = [
        "name", "account", "type", "status", "entity", "email", "phone", "tags",
    ]  # fmt: skip
    more_columns = (
        "number", "category", "mobile", "secondary_phone", "position", "department", "city",
        "postcode", "province", "country", "birth_date", "language", "manager", "created_at",
        "updated_at",
    )  # fmt: skip
    order_by: ClassVar[dict[str, str]] = {"name": "sort_name"}
    base_sort = "name"
    search_columns: ClassVar[Any] = [
        "type", "category", "status", "tags", "entity", "account", "last_name", "first_name",
        "number", "email", "phone", "mobile", "secondary_phone", "position", "department",
        "street", "postcode", "city", "province", "country", "birth_date", "language",
        "salutation", "manager", "notes", "created_at", "updated_at",
    ]  # fmt: skip
    edit_fieldsets: ClassVar[Any] = [
        (
            _l("Contact information"),
            {"fields": ["first_name", "last_name", "email", "phone", "mobile",
                        "secondary_phone"]},
        ),
        (
            _l("Classification"),
            {"fields": ["type", "status", "category", "entity", "tags"]},
        ),
        (_l("Company and position"), {"fields": ["account", "position", "department", "manager"]}),
        (_l("Address"), {"fields": address_columns()}),
        (
            _l("Personal details"),
            {"fields": ["salutation", "number", "birth_date", "language", "photo"]},
        ),
        (_l("Notes"), {"fields": ["notes"]}),
    ]  # fmt: skip
    show_fieldsets: ClassVar[Any] = [
        *edit_fieldsets[:4],
        (
            _l("Personal details"),
            {"fields": ["salutation", "number", "former_numbers", "birth_date", "language"]},
        ),
        *edit_fieldsets[5:],
    ]
    unique_columns = ("number",)
    description_columns: ClassVar[dict[str, Any]] = {
        "number": _l("Leave blank to assign the next number."),
        "account": _l("We recommend linking each contact to an account."),
    }
    call_columns = ("mobile", "phone")
    header_template = "contacts/header.html"
    side_template = "contacts/side.html"

    def defaults(self) -> dict[str, Any]:
        return super().defaults() | {
            "country": organisation.country(),
            "language": organisation.language(),
            "status": first_value(db.session(), Status),
        }

    @expose("/photo/<pk>/<string:name>")
    @has_access
    @permission_name("show")
    def photo(self, pk: str, name: str):
        """Send the photo of a contact in the user's scope."""
        row = self.find(pk)
        path = find_file(name) if name == row.photo else None
        if path is None:
            abort(404)
        response = send_file(path, mimetype="image/jpeg")
        response.headers["Cache-Control"] = "private, max-age=86400, immutable"
        return response
