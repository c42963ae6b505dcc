"""Giving a contact access to the back-office, linking and unlinking users."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.contacts.models import Contact
from app.errors import DomainError
from app.extensions import db
from app.outbox.models import Message
from app.security.actor import acting_as
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name
from app.staff.models import StaffUser
from tests.factories import a_contact
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, Person, add_person


def linked_user(contact: Contact) -> StaffUser | None:
    db.session.refresh(contact)
    return contact.user


def give(browser, contact: Contact):
    return browser.post(f"/contacts/access/give/{contact.id}", follow_redirects=True)


def test_giving_access_creates_a_user_without_rights_and_sends_an_invitation(client_as):
    contact = a_contact("Bilbao", email="Ana@Example.org", language="es")
    reply = give(client_as(ALICIA), contact)
    assert "Invitation sent." in reply.text
    user = linked_user(contact)
    assert (user.username, user.entity.name, user.language) == ("ana@example.org", "Bilbao", "es")
    assert (user.roles, user.password) == ([], None)
    assert db.session.scalars(select(Message.recipient_id)).all() == [user.id]


@pytest.mark.parametrize("email", [None, "BRUNO@example.org"])
def test_giving_access_needs_an_email_that_no_user_has(client_as, email):
    contact = a_contact(email=email)
    give(client_as(ALICIA), contact)
    assert linked_user(contact) is None
    assert db.session.scalars(select(Message)).all() == []


def test_giving_access_needs_the_permission_to_add_users(client_as):
    contact = a_contact(email="ana@example.org")
    browser = client_as(BRUNO)
    assert browser.get(f"/contacts/show/{contact.id}?tab=access").status_code == 404
    for way in ("give", "link", "unlink"):
        data = {"user": "diego"}
        reply = browser.post(f"/contacts/access/{way}/{contact.id}", data=data)
        assert reply.status_code in (302, 403)
        assert "/contacts/show" not in (reply.location or "")
    assert linked_user(contact) is None


def test_a_contact_out_of_scope_is_not_found(client_as):
    add_person(Person("nora", "Norte", ADMINISTRATOR))
    contact = a_contact("Sur", email="ana@example.org")
    nora = client_as(Person("nora", "Norte", ADMINISTRATOR))
    for way in ("give", "link", "unlink"):
        assert nora.post(f"/contacts/access/{way}/{contact.id}").status_code == 404


def test_a_user_is_linked_by_name_or_email_and_unlinked_again(client_as):
    contact, other, browser = a_contact(), a_contact(), client_as(ALICIA)
    browser.post(f"/contacts/access/link/{contact.id}", data={"user": "DIEGO"})
    assert linked_user(contact).username == "diego"
    browser.post(f"/contacts/access/link/{other.id}", data={"user": "diego@example.org"})
    assert linked_user(other) is None, "a user is one contact at most"
    browser.post(f"/contacts/access/unlink/{contact.id}")
    assert linked_user(contact) is None
    assert DIEGO.user.active


def test_a_user_with_more_rights_or_out_of_scope_is_not_linked(client_as):
    sofia = Person("sofia", "Norte", role_name(Area.SECURITY, Level.EDIT))
    user = add_person(sofia)
    user.roles = [*user.roles, *CLARA.user.roles]
    add_person(Person("elsewhere", "Sur", None))
    db.session.commit()
    contact, browser = a_contact(), client_as(sofia)
    for name in ("bruno", "elsewhere", "alicia", ""):
        browser.post(f"/contacts/access/link/{contact.id}", data={"user": name})
        assert linked_user(contact) is None
    browser.post(f"/contacts/access/link/{contact.id}", data={"user": "diego"})
    assert linked_user(contact).username == "diego"


def test_the_tab_on_a_contact_shows_and_changes_the_users_rights(client_as):
    contact = a_contact()
    contact.user = DIEGO.user
    db.session.commit()
    browser, user = client_as(ALICIA), DIEGO.user
    page = browser.get(f"/contacts/show/{contact.id}?tab=access").text
    assert f"/users/rights/{user.id}" in page
    back = f"/contacts/show/{contact.id}?tab=access"
    form = {
        "version": user.version, "entity": user.entity_id, "active": "1", "next": back,
        "roles": CLARA.user.roles[0].id,
    }  # fmt: skip
    assert browser.post(f"/users/rights/{user.id}", data=form).location == back
    assert DIEGO.user.roles == CLARA.user.roles


def test_a_contact_with_an_active_user_cannot_be_trashed(client_as):
    contact = a_contact()
    contact.user = DIEGO.user
    db.session.commit()
    browser = client_as(BRUNO)
    page = browser.post(f"/contacts/delete/{contact.id}", follow_redirects=True).text
    assert "Remove their access first" in page
    db.session.refresh(contact)
    assert not contact.is_trashed
    contact.user.active = False
    db.session.commit()
    browser.post(f"/contacts/delete/{contact.id}")
    db.session.refresh(contact)
    assert contact.is_trashed


def test_a_user_cannot_be_linked_by_form_duplicate_or_log(client_as):
    """Neither the form nor restoring from the log links a user without the right to edit users."""
    contact, number = a_contact(), DIEGO.user.id
    contact.user = DIEGO.user
    db.session.commit()
    contact.user = None
    db.session.commit()
    browser = client_as(BRUNO)
    form = {"version": contact.version, "last_name": "Gil", "user": number, "user_id": number}
    browser.post(f"/contacts/edit/{contact.id}", data=form)
    assert linked_user(contact) is None
    entry = db.session.scalar(
        select(db.metadata.tables["log_entry"].c.id)
        .where(db.metadata.tables["log_entry"].c.subject_type == "contact")
        .where(db.metadata.tables["log_entry"].c.event == "changed")
        .order_by(db.metadata.tables["log_entry"].c.id)
    )
    for field in ("user_id", "user"):
        browser.post(f"/contacts/putback/{contact.id}/{entry}/{field}")
        assert linked_user(contact) is None
    with acting_as(BRUNO.as_actor()):
        contact.user_id = number
        with pytest.raises(DomainError):
            db.session.flush()
    db.session.rollback()
