"""What pages say and offer so that nobody is left wondering what to do next."""

from __future__ import annotations

import pytest

from app.contacts.models import Tag
from tests.factories import a_contact, a_value
from tests.people import ALICIA, BRUNO, CLARA, DIEGO

pytestmark = pytest.mark.usefixtures("session")


def test_an_empty_list_offers_to_type_or_to_import(client_as):
    empty = client_as(BRUNO).get("/contacts/list/").text.split('class="empty"', 1)[1]
    assert "/contacts/add" in empty
    assert "/contacts/import" in empty
    # Who may only read is offered neither.
    empty = client_as(CLARA).get("/contacts/list/").text.split('class="empty"', 1)[1]
    assert "/contacts/add" not in empty
    assert "/contacts/import" not in empty


def test_the_search_page_says_what_can_be_found(client_as):
    assert "Type a part of a name" in main_of(client_as(CLARA).get("/search"))


def test_a_telephone_number_is_found_as_people_write_it(client_as):
    a_contact(last_name="Peña", email=None, phone="+34927214567")
    answer = client_as(BRUNO).get("/search?q=peña", headers={"X-Fragment": "1"}).json
    assert answer["groups"][0]["rows"][0]["hint"] == "+34 927 21 45 67"


def test_who_holds_no_role_is_told_whom_to_ask(client_as):
    page = client_as(DIEGO).get("/account/").text
    assert "You have no role yet" in page
    # There is nothing they could find.
    assert "data-palette" not in page
    assert "You have no role yet" not in client_as(CLARA).get("/account/").text


def test_many_tags_do_not_push_the_file_off_the_page(client_as):
    contact = a_contact(tags=[a_value(Tag) for _ in range(40)])
    head = client_as(ALICIA).get(f"/contacts/show/{contact.id}").text
    facts = head.split("file-facts", 1)[1].split("<details", 1)[0]
    assert facts.count('class="chip') == 6
    assert ">+34</summary>" in head


def test_the_keys_go_to_the_first_field_of_a_new_file_alone(client_as):
    browser, contact = client_as(BRUNO), a_contact()
    assert main_of(browser.get("/contacts/add")).count(" autofocus") == 1
    assert " autofocus" not in main_of(browser.get(f"/contacts/edit/{contact.id}"))
    # Mistakes come first.
    assert " autofocus" not in main_of(browser.post("/contacts/add", data={"last_name": ""}))


def main_of(reply) -> str:
    return reply.text.split("<main", 1)[1].split("</main>", 1)[0]
