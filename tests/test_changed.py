"""What a flush writes of a row is known without asking every attribute."""

from __future__ import annotations

from app.changed import changed_attributes, is_changed
from app.contacts.models import Tag
from app.entities.models import Entity
from tests.factories import a_contact, a_value, the_entity


def test_what_is_set_to_another_value_is_changed(session):
    contact = a_contact(last_name="Peña", city="Lugo")
    contact.city, contact.last_name, contact.entity = "Vigo", "Peña", the_entity("Sur")
    assert changed_attributes(contact) == {"city", "entity"}
    assert is_changed(contact, ("city", "street"))
    assert not is_changed(contact, ("last_name",))


def test_a_link_that_is_added_is_changed(session):
    contact, tag = a_contact(), a_value(Tag)
    contact.tags.append(tag)
    assert changed_attributes(contact) == {"tags"}


def test_a_new_row_has_what_it_was_given(session):
    assert changed_attributes(Entity(name="Este")) == {"name"}
