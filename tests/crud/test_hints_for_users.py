"""Hints on the pages: empty states, help texts and the initial focus."""

from __future__ import annotations

import pytest

from app.contacts.models import Tag
from tests.factories import a_contact, a_value
from tests.people import ALICIA, BRUNO, CLARA, DIEGO

pytestmark = pytest.mark.usefixtures("session")


def test_an_empty_list_offers_to_add_or_to_import(client_as):
    empty = client_as(BRUNO).get("/contacts/list/").text.split('class="empty"', 1)[1]
    assert "/contacts/add" in empty
    assert "/contacts/import" in empty
    # A user who may only read is offered neither.
    empty = client_as(CLARA).get("/contacts/list/").text.split('class="empty"', 1)[1]
    assert "/contacts/add" not in empty
    assert "/contacts/import" not in empty


def test_the_search_page_says_what_can_be_searched(client_as):
    assert "Type part of a name" in main_element(client_as(CLARA).get("/search"))


def test_a_phone_number_is_found_with_spaces_in_it(client_as):
    a_contact(last_name="Peña", email=None, phone="+34927214567")
    answer = client_as(BRUNO).get("/search?q=peña", headers={"X-Fragment": "1"}).json
    assert answer["groups"][0]["rows"][0]["hint"].startswith("+34 927 21 45 67 · ")


def test_a_user_without_roles_reads_whom_to_ask(client_as):
    page = client_as(DIEGO).get("/account/").text
    assert "You have no role yet" in page
    # They have no list to search.
    assert "data-palette" not in page
    assert "You have no role yet" not in client_as(CLARA).get("/account/").text


def test_a_field_with_many_tags_takes_a_wide_row(client_as):
    contact = a_contact(tags=[a_value(Tag) for _ in range(40)])
    head = client_as(ALICIA).get(f"/contacts/show/{contact.id}").text
    facts = head.split("file-facts", 1)[1].split("<details", 1)[0]
    assert facts.count('class="chip') == 6
    assert ">+34</summary>" in head


def test_only_the_first_field_of_an_add_form_has_autofocus(client_as):
    browser, contact = client_as(BRUNO), a_contact()
    assert main_element(browser.get("/contacts/add")).count(" autofocus") == 1
    assert " autofocus" not in main_element(browser.get(f"/contacts/edit/{contact.id}"))
    # With errors, the focus is on the error summary.
    assert " autofocus" not in main_element(browser.post("/contacts/add", data={"last_name": ""}))


def main_element(reply) -> str:
    return reply.text.split("<main", 1)[1].split("</main>", 1)[0]
