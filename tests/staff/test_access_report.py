"""The tab “Who sees this” agrees with the pages, and names role and entity."""

from __future__ import annotations

from itertools import product

import pytest
from flask_appbuilder.security.sqla.models import PermissionView, Role
from markupsafe import escape
from sqlalchemy import select

from app.extensions import db
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name
from app.staff.access_report import access_reports
from app.staff.models import StaffUser
from tests.factories import a_contact, an_account, the_entity
from tests.people import (
    ALICIA,
    BRUNO,
    CLARA,
    DIEGO,
    EDITS_CONTACTS,
    READS_CONTACTS,
    Person,
    add_person,
    force_login,
)


def explanation_page(browser, row, who: str, base: str = "contacts") -> str:
    return browser.get(f"/{base}/show/{row.id}?tab=sight&who={who}").text


@pytest.mark.parametrize("base", ["contacts", "accounts"])
def test_the_report_lists_exactly_the_users_who_can_open_the_page(app, client_as, base):
    opens = db.session.scalars(
        select(PermissionView).where(
            PermissionView.permission.has(name="can_show"),
            PermissionView.view_menu.has(name="ContactView"),
        )
    ).one()
    db.session.add(Role(name="Opens", permissions=[opens]))
    db.session.flush()
    roles = (None, "Opens", READS_CONTACTS, EDITS_CONTACTS, role_name(Area.SALES, Level.EDIT))
    for number, (role, entity) in enumerate(
        product((*roles, ADMINISTRATOR), ("Federación", "Norte", "Bilbao", "Sur"))
    ):
        add_person(Person(f"somebody{number}", entity, role))
    add_person(Person("locked", "Norte", EDITS_CONTACTS)).active = False
    db.session.commit()
    row = a_contact() if base == "contacts" else an_account()
    page = client_as(ALICIA).get(f"/{base}/show/{row.id}?tab=sight").text
    wrong = []
    for user in db.session.scalars(select(StaffUser)).all():
        browser = app.test_client()
        force_login(browser, user.id)
        gets_in = browser.get(f"/{base}/show/{row.id}").status_code == 200
        if gets_in != (f'href="/users/show/{user.id}?' in page):
            wrong.append((user.username, gets_in))
    assert wrong == []


def test_an_explanation_names_the_role_and_the_entity(client_as):
    add_person(Person("above", "Federación", READS_CONTACTS))
    add_person(Person("beside", "Sur", EDITS_CONTACTS))
    row, alicia = a_contact("Bilbao"), client_as(ALICIA)
    for who, answer in {
        "bruno": "can view and edit: works at Norte, which includes Bilbao. Role: Contacts: Edit",
        "clara": "can view: works at Norte, which includes Bilbao. Role: Contacts: View",
        "above": "can view: works at Federación, which includes Bilbao. Role: Contacts: View",
        "diego": "has no access: none of their roles allows it",
        "beside": "has no access: works at Sur, but this belongs to Bilbao. The role",
        "nobody": "No user with that name was found",
    }.items():
        assert str(escape(answer)) in explanation_page(alicia, row, who), who
    BRUNO.user.active = False
    db.session.commit()
    assert "they can’t sign in" in explanation_page(alicia, row, "bruno")


def test_only_visible_users_are_listed(client_as):
    nora = Person("nora", "Norte", ADMINISTRATOR)
    add_person(nora)
    add_person(Person("fermin", "Federación", ADMINISTRATOR))
    db.session.commit()
    row, browser = a_contact(), client_as(nora)
    page = browser.get(f"/contacts/show/{row.id}?tab=sight").text
    assert "Bruno" in page
    assert "Fermin" not in page
    assert "Fermin" not in explanation_page(browser, row, "fermin").replace('value="fermin"', "")


def test_those_who_may_not_see_users_do_not_have_the_tab(client_as):
    row = a_contact()
    for person in (BRUNO, CLARA):
        browser = client_as(person)
        assert browser.get(f"/contacts/show/{row.id}?tab=sight").status_code == 404
        assert "tab=sight" not in browser.get(f"/contacts/show/{row.id}").text


def test_the_number_of_statements_does_not_grow_with_users(client_as, counting):
    row, browser = a_contact(), client_as(ALICIA)
    with counting() as few:
        browser.get(f"/contacts/show/{row.id}?tab=sight")
    home, role = the_entity("Bilbao"), CLARA.user.roles[0]
    for number in range(200):
        user = StaffUser(
            first_name=f"P{number}", last_name="X", username=f"p{number}",
            email=f"p{number}@example.org", active=True, entity=home if number % 2 else None,
        )  # fmt: skip
        user.roles = [role]
        db.session.add(user)
    db.session.commit()
    with counting() as many:
        browser.get(f"/contacts/show/{row.id}?tab=sight")
    assert len(many) == len(few)
    assert len(few) <= 20


def test_a_truncated_list_says_so(client_as, monkeypatch):
    from app.staff.tabs import AccessReportTab

    monkeypatch.setattr(AccessReportTab, "max_users", 2)
    row = a_contact()
    page = client_as(ALICIA).get(f"/contacts/show/{row.id}?tab=sight").text
    assert "Only the first 2 users are checked" in page


def test_the_report_uses_the_scope_of_the_model(session, monkeypatch):
    """A changed scope of contacts changes the report."""
    from sqlalchemy import false

    from app.contacts.models import Contact

    row, user = a_contact(), BRUNO.user
    assert access_reports(session, row, "ContactView", [user])[0].can_see
    monkeypatch.setattr(Contact, "scope", classmethod(lambda cls, actor: false()))
    assert not access_reports(session, row, "ContactView", [user, DIEGO.user])[0].can_see
