"""Repositories of contacts: types, categories and statuses."""

from __future__ import annotations

from flask_appbuilder import Model

from app.repositories.models import Repository


class ContactType(Model, Repository):
    """Member, supplier, donor, volunteer, external…"""

    __tablename__ = "contact_type"


class Category(Model, Repository):
    """Office, supervisor…"""

    __tablename__ = "category"


class Status(Model, Repository):
    """Active, deregistered…"""

    __tablename__ = "status"
    shows_colour = True
