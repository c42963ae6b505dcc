"""Postcode, province and date of birth of a contact, as forms and files give them."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.contacts.models import Contact
from app.extensions import db
from tests.factories import a_contact, an_account, the_entity
from tests.people import ALICIA


def form_data(**more) -> dict:
    return {"last_name": "Peña", "entity": the_entity("Norte").id} | more


def added(client, **typed) -> Contact:
    reply = client.post("/contacts/add", data=form_data(**typed))
    assert reply.status_code == 302, reply.text[:500]
    return db.session.scalars(select(Contact).order_by(Contact.id.desc()).limit(1)).one()


@pytest.mark.parametrize(
    ("typed", "postcode", "province"),
    [
        ({"postcode": "10003", "country": "ES"}, "10003", "ES-CC"),
        ({"postcode": "8001", "country": "ES"}, "08001", "ES-B"),
        # Without a country the organisation's is meant.
        ({"postcode": "8001", "country": ""}, "08001", "ES-B"),
        ({"postcode": "10003", "country": "ES", "province": "Badajoz"}, "10003", "ES-BA"),
        ({"postcode": "10003", "country": "ES", "province": "N/A"}, "10003", "ES-CC"),
        ({"postcode": "1003", "country": "CH"}, "1003", None),
        ({"postcode": "99999", "country": "ES"}, "99999", None),
    ],
)
def test_a_spanish_postcode_fills_in_the_province(client_as, typed, postcode, province):
    contact = added(client_as(ALICIA), **{"province": ""} | typed)
    assert (contact.postcode, contact.province or None) == (postcode, province)


def test_each_address_of_an_account_has_the_province_of_its_own_postcode(client_as):
    account = an_account(name="Dos direcciones")
    page = {"name": "Dos direcciones", "type": "", "entity": account.entity_id,
            "version": account.version, "postcode": "28001", "province": "", "country": "ES",
            "shipping_postcode": "8001", "shipping_province": "", "shipping_country": "ES"}  # fmt: skip
    assert client_as(ALICIA).post(f"/accounts/edit/{account.id}", data=page).status_code == 302
    stored = db.session.get(Account, account.id, populate_existing=True)
    assert (stored.province, stored.shipping_province) == ("ES-M", "ES-B")
    assert stored.shipping_postcode == "08001"


def test_an_unknown_province_of_spain_is_asked_about(client_as):
    reply = client_as(ALICIA).post(
        "/contacts/add", data=form_data(province="cac", country="ES", postcode="10003")
    )
    assert reply.status_code == 422
    assert "“cac” is not a province of Spain. Did you mean Cáceres?" in reply.text
    assert 'value="cac"' in reply.text


def test_a_province_stored_as_free_text_is_kept_if_it_is_left_alone(client_as):
    contact = a_contact(last_name="Antigua", province="cac", country="ES")
    alicia, address = client_as(ALICIA), f"/contacts/edit/{contact.id}"
    typed = form_data(last_name="Nueva", province="cac", country="ES", version=contact.version)
    assert alicia.post(address, data=typed).status_code == 302
    db.session.refresh(contact)
    assert (contact.last_name, contact.province) == ("Nueva", "cac")
    typed |= {"version": contact.version, "province": "cacc"}
    assert alicia.post(address, data=typed).status_code == 422


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("2980-12-31", "This date can’t be in the future."), ("0001-01-01", "Enter a date from 1900 onwards.")],
)  # fmt: skip
def test_an_impossible_date_of_birth_is_refused(client_as, typed, sentence):
    reply = client_as(ALICIA).post("/contacts/add", data=form_data(birth_date=typed))
    assert (reply.status_code, sentence in reply.text) == (422, True)


def test_an_impossible_date_of_birth_that_was_stored_does_not_hinder_other_changes(client_as):
    contact = a_contact(last_name="Antigua", birth_date=date(1850, 1, 1))
    typed = form_data(last_name="Nueva", birth_date="1850-01-01", version=contact.version)
    assert client_as(ALICIA).post(f"/contacts/edit/{contact.id}", data=typed).status_code == 302


def test_the_provinces_come_with_the_first_digits_of_their_postcodes(client_as):
    reply = client_as(ALICIA).get("/provinces/es", headers={"Accept-Language": "es"}).get_json()
    assert (len(reply["names"]), len(reply["postcodes"])) == (52, 52)
    assert (reply["postcodes"]["10"], reply["postcodes"]["48"]) == ("Cáceres", "Vizcaya")
    assert client_as(ALICIA).get("/provinces/MX").get_json()["postcodes"] == {}
