"""Without JavaScript related rows are searched by an input and a button."""

from __future__ import annotations

import re

import pytest

from tests.factories import a_contact, an_account, some_contacts, the_entity
from tests.people import ALICIA, BRUNO


@pytest.fixture
def contact(session):
    an_account(name="Imprenta Luz")
    an_account(name="Clínica Vega")
    an_account(name="Luz del Sur", entity="Sur")
    return a_contact(last_name="Peña", city="Cáceres")


def options(reply, name: str) -> list[str]:
    """Return the non-empty options of a select."""
    listed = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', reply.text, re.S)[1]
    return re.findall(r'<option value="\d+"[^>]*>([^<]+)', listed)


def form_data(contact, **more):
    """Return the data of the edit form."""
    home = str(the_entity("Norte").id)
    return {"version": str(contact.version), "last_name": "Ruiz", "entity": home} | more


def test_searching_saves_nothing_and_keeps_the_form(client_as, contact):
    sent = form_data(contact, city="Mérida", account_find="luz", _find="account")

    reply = client_as(BRUNO).post(f"/contacts/edit/{contact.id}", data=sent)

    assert reply.status_code == 422
    # An account out of scope is not offered.
    assert options(reply, "account") == ["Imprenta Luz"]
    assert "Mérida" in reply.text
    assert contact.last_name == "Peña"


def test_the_search_button_without_text_offers_the_first_rows_in_scope(client_as, contact):
    reply = client_as(BRUNO).post("/contacts/add", data={"_find": "account", "account_find": ""})

    assert options(reply, "account") == ["Clínica Vega", "Imprenta Luz"]
    # Required fields are not reported yet.
    assert "This field is required." not in reply.text


def test_enter_in_the_search_input_searches_and_then_saves(client_as, contact):
    browser, address = client_as(BRUNO), f"/contacts/edit/{contact.id}"
    sent = form_data(contact, account_find="luz", account_found="")
    reply = browser.post(address, data=sent)
    chosen = re.search(r'<option value="(\d+)">Imprenta Luz', reply.text)[1]

    reply = browser.post(address, data=sent | {"account_found": "luz", "account": chosen})

    assert reply.status_code == 302
    assert str(contact.account) == "Imprenta Luz"
    assert contact.last_name == "Ruiz"


@pytest.mark.parametrize("text", ["zzzz", "%\x00<b>", "9" * 300])
def test_a_search_without_results_saves_nothing(client_as, contact, text):
    sent = form_data(contact, account_find=text, _find="account")
    reply = client_as(ALICIA).post(f"/contacts/edit/{contact.id}", data=sent)
    assert reply.status_code == 422
    assert contact.last_name == "Peña"


def test_the_number_of_results_is_limited(client_as, contact, session):
    some_contacts(60)
    reply = client_as(ALICIA).post("/contacts/add", data={"_find": "manager"})
    assert len(options(reply, "manager")) == 50
    assert "Showing the first 50" in reply.text


def test_related_rows_of_a_filter_can_be_searched(client_as, contact):
    on = "city__contains=C%C3%A1ceres"
    asked = {"on": on, "filter": "account__not", "find": "account", "text": "luz"}
    browser = client_as(BRUNO)

    reply = browser.get("/contacts/filters", query_string=asked)

    assert re.findall(r'<option value="\d+">(Imprenta Luz|Luz del Sur)<', reply.text) == [
        "Imprenta Luz"
    ]
    assert 'value="account__not" data-asks="pick" selected' in reply.text
    assert "city__contains" in reply.text
    assert browser.get("/contacts/filters?find=nothing&text=x").status_code == 200


def test_related_rows_of_an_action_can_be_searched(client_as, contact):
    browser = client_as(ALICIA)
    begun = browser.post(
        "/contacts/action_post", data={"action": "change_entity", "rowid": str(contact.id)}
    )
    reply = browser.post(begun.location, data={"entity_find": "bil", "_find": "entity"})
    assert options(reply, "entity") == ["Bilbao"]
    assert contact.entity.name == "Norte"
