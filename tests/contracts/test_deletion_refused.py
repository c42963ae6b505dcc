"""What is in use cannot be deleted, and the page says so, and by what, before one asks for it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, update

from app.contacts.models import Contact
from app.crud.holders import links_to
from app.crud.modelview import ModelView
from app.entities.models import Entity
from app.extensions import db
from app.security.areas import Area, Level
from app.security.roles import role_name
from app.trash.models import Trashable
from app.trash.services import move_to_trash
from tests.contracts.routes import rules_app
from tests.factories import a_contact, a_row, an_entity
from tests.people import ALICIA, BRUNO, Person, add_person

SCREENS = [
    view
    for view in ModelView.all()
    if not issubclass(view.datamodel.obj, Trashable) and "delete" not in view.exclude_route_methods
]


def linked(view: Any) -> list[tuple[Any, Any]]:
    """Return (view, link) for everything that may hold a row of a view."""
    with rules_app().app_context():
        return [(view, link) for link in links_to(view.datamodel.obj)]


PAIRS = [pair for view in SCREENS for pair in linked(view)]


def hold(link: Any, row_id: int) -> Any:
    """Link a new row to a row, past the forms."""
    other = a_row(link.model)
    if link.via is None:
        table = link.model.__table__
        db.session.execute(
            update(table).where(table.c.id == other.id).values({link.column.name: row_id})
        )
    else:
        own = next(k for k in link.via.foreign_keys if k.column.table is link.model.__table__)
        db.session.execute(
            insert(link.via).values({own.parent.name: other.id, link.column.name: row_id})
        )
    db.session.commit()
    return other


def test_there_is_something_to_hold():
    assert {view.datamodel.obj for view, _link in PAIRS} >= {Entity}
    assert len(PAIRS) > 6


@pytest.mark.parametrize("view", SCREENS, ids=lambda view: view.__name__)
def test_what_is_not_used_can_be_deleted(view, client_as, session):
    number, base = a_row(view.datamodel.obj).id, view.route_base
    alicia = client_as(ALICIA)
    assert f'action="{base}/delete/{number}"' in alicia.get(f"{base}/show/{number}").text
    alicia.post(f"{base}/delete/{number}")
    session.expire_all()
    assert session.get(view.datamodel.obj, number) is None


@pytest.mark.parametrize(
    ("view", "link"),
    PAIRS,
    ids=lambda value: getattr(value, "__name__", None) or value.column.name,
)
def test_what_is_used_says_by_what_and_stays(view, link, client_as, session):
    row, base, alicia = a_row(view.datamodel.obj), view.route_base, client_as(ALICIA)
    hold(link, row.id)
    counted = {"StaffUser": "1 user", "Contact": "1 contact", "Account": "1 account"}
    expected = counted.get(link.model.__name__, "1 ")

    page = alicia.get(f"{base}/show/{row.id}").text
    assert f'action="{base}/delete/{row.id}"' not in page
    assert f"can’t be deleted. It is used by: {expected}" in page
    reply = alicia.post(f"{base}/delete/{row.id}", follow_redirects=True)
    assert f"can’t be deleted. It is used by: {expected}" in reply.text
    session.expire_all()
    assert session.get(view.datamodel.obj, row.id) is not None


def test_rows_in_the_trash_hold_it_too(client_as, session):
    entity = an_entity()
    contact = a_contact()
    contact.entity = entity
    session.commit()
    move_to_trash(contact, ALICIA.as_actor())
    session.commit()
    page = client_as(ALICIA).get(f"/entities/show/{entity.id}").text
    assert "It is used by: items in the trash or that you don’t have access to." in page


def test_rows_out_of_reach_are_not_counted(client_as, session):
    """Somebody of the Northern entity learns that a value is used elsewhere, not how often."""
    person = Person("nuria", "Norte", role_name(Area.SETTINGS, Level.EDIT))
    add_person(person)
    contact_type = a_contact().type or a_row(Contact.type.property.mapper.class_)
    for _number in range(2):
        a_contact("Sur", type=contact_type)
    page = client_as(person).get(f"/contact-types/show/{contact_type.id}").text
    assert "that you don’t have access to" in page
    a_contact("Norte", type=contact_type)
    page = client_as(person).get(f"/contact-types/show/{contact_type.id}").text
    assert "It is used by: 1 contact." in page


def test_the_tree_says_how_many_it_holds(client_as, session):
    entity = an_entity()
    for _number in range(3):
        contact = a_contact()
        contact.entity = entity
    an_entity("Plasencia", entity.name)
    session.commit()
    page = client_as(ALICIA).get(f"/entities/show/{entity.id}").text
    assert "3 contacts" in page
    assert BRUNO.user.entity_id != entity.id
