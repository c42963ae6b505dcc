"""Models of contacts and their repositories."""

from app.contacts.models.contact import Contact, contact_tag
from app.contacts.models.repositories import Category, ContactType, Status, Tag

__all__ = ["Category", "Contact", "ContactType", "Status", "Tag", "contact_tag"]
