"""Two people of the same name differ by number, type and entity, wherever one is chosen."""

from __future__ import annotations

import re

import pytest

from app.accounts.models import AccountType
from app.contacts.models import ContactType
from tests.contracts.pagereader import find_post_form
from tests.factories import a_contact, an_account, the_value
from tests.people import ALICIA, BRUNO


@pytest.fixture
def twins(session):
    kind = the_value(ContactType, "Volunteer")
    north = a_contact(first_name="Ana", last_name="Igual", number="000101", type=kind)
    south = a_contact("Sur", first_name="Ana", last_name="Igual", number="000102")
    return north, south


def test_the_search_box_shows_what_tells_them_apart(twins, client_as):
    answer = client_as(ALICIA).get("/search?q=ana igual", headers={"X-Fragment": "1"}).json
    hints = [row["hint"] for row in answer["groups"][0]["rows"]]
    assert hints == ["000101 · Volunteer · Norte", "000102 · Sur"]


def test_a_picker_shows_it_too(twins, client_as):
    browser = client_as(ALICIA)
    results = browser.get("/contacts/lookup/manager?q=igual").json["results"]
    assert [row["hint"] for row in results] == ["000101 · Volunteer · Norte", "000102 · Sur"]
    an_account(name="Luz", city="Bilbao", type=the_value(AccountType, "Customer"))
    results = browser.get("/contacts/lookup/account?q=luz").json["results"]
    assert results[0]["hint"].startswith("Customer · Bilbao")
    results = browser.get("/contacts/lookup/entity?q=bilbao").json["results"]
    assert results[0]["hint"] == "Norte"


def test_a_picker_without_script_shows_it_too(twins, client_as):
    reply = client_as(ALICIA).post(
        "/contacts/add", data={"manager_find": "igual", "_find": "manager"}
    )
    assert re.findall(r"<option value=\"\d+\">(Ana Igual[^<]*)<", reply.text) == [
        "Ana Igual (000101 · Volunteer · Norte)",
        "Ana Igual (000102 · Sur)",
    ]


def test_a_duplicate_leaves_what_identifies_blank_and_says_so(client_as, session):
    contact = a_contact(email="ana@example.org", mobile="+34612345678", city="Cáceres")
    page = client_as(BRUNO).get(f"/contacts/duplicate/{contact.id}").text
    form = find_post_form(page)
    assert form["city"].values == ["Cáceres"]
    assert form["email"].values == form["mobile"].values == form["number"].values == [""]
    assert "Left blank: E-mail, Mobile, Member number." in page
    assert "ana@example.org" not in page
    account = an_account(email="luz@example.org", tax_number="B10")
    page = client_as(BRUNO).get(f"/accounts/duplicate/{account.id}").text
    assert "Left blank: Tax number, E-mail." in page
