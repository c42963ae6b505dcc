"""What a row one sees is linked to beyond one's sight, no roundabout door tells either."""

from __future__ import annotations

import io

import pytest
from flask_appbuilder.security.sqla.models import PermissionView, Role
from sqlalchemy import select

from app.contacts.models import Contact, Tag
from app.extensions import db
from app.imports.models import ImportRun
from app.security.actor import acting_as
from app.security.rights import ADMINISTRATOR
from app.trash.services import move_to_trash
from tests.factories import a_contact, an_account, an_entity, the_entity
from tests.people import ALICIA, BRUNO, DIEGO, Person, add_person


@pytest.fixture
def hidden(session):
    """Write a contact of the North whose account is one of the South."""
    account = an_account("Sur", name="Secretísima SL")
    return a_contact("Norte", last_name="Visible", account=account)


def import_of(browser, text: str, **more: str) -> str:
    """Send a file and decide on it; return the address of the import."""
    headers = text.splitlines()[0].split(",")
    file = (io.BytesIO(text.encode()), "contacts.csv")
    at = browser.post("/contacts/import", data={"file": file}).location
    form = {"header": headers, "field": [header.replace(" ", "_") for header in headers]}
    browser.post(at, data=form | more)
    return at


def run_import(browser, at: str) -> None:
    """Confirm what was checked."""
    run = select(ImportRun.plan_hash).where(ImportRun.token == at.rpartition("/")[2])
    browser.post(f"{at}/run", data={"plan_hash": db.session.scalar(run)})


def test_nobody_is_found_by_the_name_of_an_account_out_of_reach(hidden, client_as):
    for address in (
        "/contacts/list/?q=secretis",
        "/search?q=secretis",
        "/contacts/list/?q=visi+sl",
    ):
        assert "Visible" not in client_as(BRUNO).get(address).text
        assert "Visible" in client_as(ALICIA).get(address).text
    assert "Visible" in client_as(BRUNO).get("/contacts/list/?q=visible").text
    hidden.account.entity = the_entity("Norte")
    db.session.commit()
    assert "Visible" in client_as(BRUNO).get("/contacts/list/?q=secretis").text


def test_no_filter_tells_what_is_linked_out_of_reach(hidden, client_as):
    bruno, number = client_as(BRUNO), hidden.account_id
    assert "Visible" not in bruno.get(f"/contacts/list/?account__is={number}").text
    assert "Visible" in bruno.get(f"/contacts/list/?account__not={number}").text
    assert "Visible" in client_as(ALICIA).get(f"/contacts/list/?account__is={number}").text
    above, north = the_entity("Federación").id, the_entity("Norte").id
    assert "Visible" not in bruno.get(f"/contacts/list/?entity__under={above}").text
    assert "Visible" in bruno.get(f"/contacts/list/?entity__under={north}").text


def test_an_import_tells_nothing_of_an_account_out_of_reach(hidden, client_as):
    an_account("Norte", name="Nuestra SL")
    browser = client_as(BRUNO)
    at = import_of(browser, f"member number,account\n{hidden.number},Nuestra SL\n")
    page = browser.get(f"{at}/check").text
    assert "Nuestra" in page
    assert "Secret" not in page
    for guess in ("Secretísima SL", "Otra SL"):
        at = import_of(browser, f"member number,account\n{hidden.number},{guess}\n")
        assert f">“{guess}” doesn’t exist.<" in browser.get(f"{at}/check").text


@pytest.mark.parametrize("match", ["email", "name"])
def test_an_import_does_not_tell_who_is_a_contact_of_another_entity(match, client_as):
    a_contact("Sur", first_name="Luz", last_name="Gil", email="luz@example.org")
    browser = client_as(BRUNO)
    text = "first name,last name,email\nLuz,Gil,luz@example.org\n"
    at = import_of(browser, text, match=match)
    assert "another entity" not in browser.get(f"{at}/check").text
    run_import(browser, at)
    homes = db.session.scalars(select(Contact).where(Contact.email == "luz@example.org"))
    assert sorted(contact.entity.name for contact in homes) == ["Norte", "Sur"]


def test_a_conflict_does_not_name_what_is_linked_out_of_reach(hidden, client_as):
    version, browser, mine = hidden.version, client_as(BRUNO), an_account("Norte")
    hidden.account = an_account("Sur", name="Secreta SL")
    db.session.commit()
    form = {"version": version, "last_name": "Visible", "entity": hidden.entity_id}
    page = browser.post(f"/contacts/edit/{hidden.id}", data=form | {"account": mine.id})
    assert page.status_code == 409
    assert mine.name in page.text
    assert "Secret" not in page.text


def test_an_import_of_something_else_leaves_a_hidden_account_found_by_its_name(hidden, client_as):
    browser = client_as(BRUNO)
    at = import_of(browser, f"member number,city,account\n{hidden.number},Irún,\n")
    run_import(browser, at)
    db.session.refresh(hidden)
    assert (hidden.city, hidden.account.name) == ("Irún", "Secretísima SL")
    assert "Visible" in client_as(ALICIA).get("/contacts/list/?q=secretis").text


def test_the_log_does_not_name_who_was_out_of_reach_once_they_are_gone(client_as):
    boss = a_contact("Sur", first_name="Jefe", last_name="Oculto")
    contact = a_contact("Norte", manager=boss)
    move_to_trash(boss, ALICIA.as_actor())
    db.session.commit()
    client_as(ALICIA).post("/contacts/trash/empty", data={"word": "Delete permanently"})
    gone = select(Contact.id).where(Contact.last_name == "Oculto")
    assert db.session.scalar(gone.execution_options(with_trash=True)) is None
    at = f"/contacts/show/{contact.id}?tab=log"
    assert "Oculto" not in client_as(BRUNO).get(at).text
    assert "Oculto" in client_as(ALICIA).get(at).text


def test_the_security_page_does_not_name_an_entity_out_of_reach(client_as):
    an_entity("Apartada", "Sur")
    nora = Person("nora", "Norte", ADMINISTRATOR)
    add_person(nora)
    with acting_as(ALICIA.as_actor()):
        for name in ("Apartada", "Bilbao"):
            DIEGO.user.entity = the_entity(name)
            db.session.commit()
    page = client_as(nora).get("/security/?part=rights").text
    assert ("Apartada" in page, "Bilbao" in page) == (False, True)
    assert "Apartada" in client_as(ALICIA).get("/security/?part=rights").text


def test_whoever_may_read_accounts_alone_is_not_shown_their_contacts(client_as):
    account = an_account("Norte")
    a_contact("Norte", last_name="Visible", account=account)
    rights = select(PermissionView).where(
        PermissionView.view_menu.has(name="AccountView"),
        PermissionView.permission.has(name="can_show"),
    )
    db.session.add(Role(name="Accounts alone", permissions=[db.session.scalars(rights).one()]))
    db.session.flush()
    person = Person("carla", "Norte", "Accounts alone")
    add_person(person)
    at = f"/accounts/show/{account.id}"
    assert client_as(person).get(at).status_code == 200
    assert client_as(person).get(f"{at}?tab=contacts").status_code == 404
    assert "Visible" in client_as(BRUNO).get(f"{at}?tab=contacts").text


def test_an_import_makes_no_values_that_one_may_not_add(client_as):
    text = "last name,tags\nGil,Brand new\n"
    made = select(Tag.id).where(Tag.label_en == "Brand new")
    for person, is_made in ((BRUNO, False), (ALICIA, True)):
        browser = client_as(person)
        at = import_of(browser, text, create_values="1")
        run_import(browser, at)
        assert (db.session.scalar(made) is not None) is is_made
