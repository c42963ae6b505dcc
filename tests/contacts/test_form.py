"""The form of a contact: what is typed most comes first, and what is usual is filled in."""

from __future__ import annotations

import re

from app.contacts.models import Status
from tests.contracts.pagereader import find_post_form
from tests.factories import the_value
from tests.people import BRUNO


def test_names_and_means_of_contact_come_first(client_as, session):
    page = client_as(BRUNO).get("/contacts/add").text
    fields = re.findall(r'data-field="(\w+)"', page)
    assert fields[:5] == ["first_name", "last_name", "email", "phone", "mobile"]
    # The first thing asked for is the first name, in one reading order with the last name.
    assert page.split("<main", 1)[1].split("</main>", 1)[0].count(" autofocus") == 1
    assert re.search(r'name="first_name"[^>]*autofocus|autofocus[^>]*name="first_name"', page)


def test_a_new_contact_has_the_usual_values(client_as, session):
    form = find_post_form(client_as(BRUNO).get("/contacts/add").text)
    assert form["status"].values == [str(the_value(Status, "Active").id)]
    assert form["language"].values == ["en"]
    # A type is not guessed: a supplier would become a member.
    assert form["type"].values == [""]


def test_the_default_status_is_the_first_available_one(client_as, session):
    the_value(Status, "Active").is_active = False
    session.commit()
    form = find_post_form(client_as(BRUNO).get("/contacts/add").text)
    assert form["status"].values == [str(the_value(Status, "Pending").id)]


def test_a_missing_last_name_says_what_to_do(client_as, session):
    reply = client_as(BRUNO).post("/contacts/add", data={"last_name": ""})
    assert reply.status_code == 422
    assert "Enter a last name." in reply.text
