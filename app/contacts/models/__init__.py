"""Models of contacts and their repositories."""

from app.contacts.models.contact import Contact
from app.contacts.models.repositories import Category, ContactType, Status
from app.tags.models import Tag

__all__ = ["Category", "Contact", "ContactType", "Status", "Tag"]
