"""Views of accounts."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from app.accounts.models import Account, AccountType
from app.addresses import address_columns
from app.crud.filepages import FilePages
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.crud.repositoryview import RepositoryView
from app.extensions import db
from app.i18n.counted import Counted
from app.imports.views import ImportExportPages
from app.merging.views import MergePages
from app.repositories.queries import first_value
from app.security.areas import Area


class AccountView(ImportExportPages, MergePages, FilePages, ModelView):
    """Companies and organisations."""

    datamodel = ScopedInterface(Account)
    route_base = "/accounts"
    quick_columns = ("email", "phone")
    hint_columns = ("type", "city", "entity")
    api = trash = in_new_menu = True
    merge_title = _l("Merge two accounts into one")
    trash_note = _l("This account is in the trash. Restore it to edit it.")
    new_icon = "briefcase"
    label = _l("Accounts")
    singular = _l("Account")
    counted = Counted("%(num)s account", "%(num)s accounts")
    add_title = _l("New account")
    all_label = _l("All accounts")
    per_page_label = _l("Accounts per page")
    add_first_label = _l("Add your first account.")
    select_hint = _l("Select accounts to use actions")
    selected_labels = (_l("1 account selected"), _l("{} accounts selected"))
    icon = "building"
    shows_icon = True
    category = "Contacts"
    order = 20
    area = Area.CONTACTS
    label_columns: ClassVar[dict[str, Any]] = {
        "created_at": _l("Created"),
        "updated_at": _l("Last changed"),
    }
    list_columns: ClassVar[Any] = ["name", "type", "email", "phone", "entity", "tags"]
    more_columns = (
        "tax_number",
        "city",
        "website",
        "country",
        "parent",
        "created_at",
        "updated_at",
    )
    order_by: ClassVar[dict[str, str]] = {"name": "sort_name"}
    base_sort = "name"
    search_columns: ClassVar[Any] = [
        "type", "tags", "entity", "parent", "name", "tax_number", "email", "phone", "city",
        "province", "country", "created_at", "updated_at",
    ]  # fmt: skip
    edit_fieldsets: ClassVar[Any] = [
        (_l("Account"), {"fields": ["name", "type", "tax_number", "parent", "entity", "tags"]}),
        (_l("Contact information"), {"fields": ["email", "phone", "website"]}),
        (_l("Invoicing address"), {"fields": address_columns()}),
        (_l("Shipping address"), {"fields": address_columns("shipping_")}),
        (_l("Notes"), {"fields": ["notes"]}),
    ]
    show_fieldsets = edit_fieldsets
    unique_columns = ("tax_number",)

    def defaults(self) -> dict[str, Any]:
        return super().defaults() | {"type": first_value(db.session(), AccountType)}


class AccountTypeView(RepositoryView):
    """Customer, prospect, partner, supplier…"""

    datamodel = ScopedInterface(AccountType)
    route_base = "/account-types"
    label = _l("Account types")
    singular = _l("Account type")
    add_title = _l("New account type")
    icon = "building-gear"
    order = 15
    area = Area.SETTINGS
