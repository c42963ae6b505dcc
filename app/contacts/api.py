"""API resources of contacts and their repositories."""

from __future__ import annotations

from app.contacts.views.contacts import ContactView
from app.contacts.views.repositories import CategoryView, ContactTypeView, StatusView
from app.crud.api import ModelApi


class ContactApi(ModelApi):
    """Everybody the organisation deals with."""

    view = ContactView


class ContactTypeApi(ModelApi):
    """Member, donor, volunteer…"""

    view = ContactTypeView


class CategoryApi(ModelApi):
    """Office, supervisor…"""

    view = CategoryView


class StatusApi(ModelApi):
    """Active, deregistered…"""

    view = StatusView
