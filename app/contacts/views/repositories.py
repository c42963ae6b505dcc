"""Settings → Repositories: types, categories and statuses."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.contacts.models import Category, ContactType, Status
from app.crud.interface import ScopedInterface
from app.crud.repositoryview import RepositoryView
from app.security.areas import Area


class ContactTypeView(RepositoryView):
    """Member, supplier, donor, volunteer…"""

    datamodel = ScopedInterface(ContactType)
    route_base = "/contact-types"
    label = _l("Contact types")
    singular = _l("Contact type")
    add_title = _l("New contact type")
    icon = "person-lines-fill"
    order = 10
    area = Area.SETTINGS


class CategoryView(RepositoryView):
    """Office, supervisor…"""

    datamodel = ScopedInterface(Category)
    route_base = "/categories"
    label = _l("Categories")
    singular = _l("Category")
    add_title = _l("New category")
    icon = "bookmark"
    order = 20
    area = Area.SETTINGS


class StatusView(RepositoryView):
    """Active, deregistered…"""

    datamodel = ScopedInterface(Status)
    route_base = "/statuses"
    label = _l("Statuses")
    singular = _l("Status")
    add_title = _l("New status")
    icon = "toggle-on"
    order = 30
    area = Area.SETTINGS
