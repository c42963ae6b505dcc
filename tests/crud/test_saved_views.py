"""Saved views, and the user's columns and page size."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.crud.models import SavedView
from app.extensions import db
from tests.factories import a_contact
from tests.people import ALICIA, BRUNO, CLARA, EDITS_CONTACTS


def save_view(browser, name="Dublin", on="country__is=IE&sort=-name&cols=email", role=""):
    return browser.post("/contacts/views/new", data={"name": name, "on": on, "role": role})


def saved_view() -> SavedView:
    return db.session.scalars(select(SavedView)).one()


def test_a_saved_view_stores_filters_columns_sort_and_size(client_as):
    save_view(client_as(BRUNO))
    query = saved_view().query
    for part in ("country__is=IE", "sort=-name", "cols=name%2Cemail", "size=50"):
        assert part in query


def test_a_saved_view_is_a_tab_with_its_own_url(client_as):
    a_contact(last_name="Dubliner", country="IE")
    a_contact(last_name="Madrileño", country="ES")
    browser = client_as(BRUNO)
    reply = save_view(browser)

    page = browser.get(reply.location).text

    assert "Dublin" in browser.get("/contacts/list/").text
    assert "Dubliner" in page
    assert "Madrileño" not in page


def test_a_private_view_is_hidden_from_other_users(client_as):
    save_view(client_as(BRUNO), name="Only Brunos")
    assert "Only Brunos" not in client_as(ALICIA).get("/contacts/list/").text


def test_a_shared_view_is_visible_to_users_with_the_role(client_as):
    role = next(role for role in BRUNO.user.roles if role.name == EDITS_CONTACTS)
    save_view(client_as(BRUNO), name="For editors", role=role.id)
    bruno, clara = BRUNO.user, CLARA.user
    bruno.roles, clara.roles = [], [role]
    db.session.commit()
    assert "For editors" in client_as(CLARA).get("/contacts/list/").text
    assert "For editors" not in client_as(ALICIA).get("/contacts/list/").text


def test_a_view_cannot_be_shared_with_a_role_of_others(client_as):
    role = ALICIA.user.roles[0]
    assert save_view(client_as(BRUNO), role=role.id).status_code == 400
    assert db.session.scalars(select(SavedView)).all() == []


def test_a_view_needs_a_name(client_as):
    reply = save_view(client_as(BRUNO), name="  ")
    assert reply.status_code == 422
    assert "country__is" in reply.text


@pytest.mark.parametrize(
    "on", ["sort=password", "nope__is=1", "size=7", "&" * 300, "x=" + "y" * 9000]
)
def test_a_view_with_an_invalid_query_is_refused_or_cleaned(client_as, on):
    assert save_view(client_as(BRUNO), on=on).status_code in (302, 400, 413, 422)
    for view in db.session.scalars(select(SavedView)):
        assert client_as(BRUNO).get(f"/contacts/list/?{view.query}").status_code == 200


def test_only_the_owner_deletes_a_view(client_as):
    save_view(client_as(BRUNO))
    number = saved_view().id
    assert client_as(ALICIA).post(f"/contacts/views/{number}/delete").status_code == 404
    assert client_as(BRUNO).post(f"/accounts/views/{number}/delete").status_code == 404
    assert client_as(BRUNO).post(f"/contacts/views/{number}/delete").status_code == 302
    assert db.session.scalars(select(SavedView)).all() == []


def test_columns_and_page_size_are_saved_as_preferences(client_as):
    a_contact()
    browser = client_as(BRUNO)
    browser.post("/contacts/preferences", data={"cols": ["city", "number"], "size": "100"})
    assert BRUNO.user.preferences == {"contacts": {"cols": ["city", "number"], "size": 100}}
    page = browser.get("/contacts/list/").text
    assert "Member number" in page


def test_the_default_columns_can_be_restored(client_as):
    browser = client_as(BRUNO)
    browser.post("/contacts/preferences", data={"cols": ["city"], "size": "100"})
    browser.post("/contacts/preferences", data={"default": "1"})
    assert BRUNO.user.preferences["contacts"] == {}


def test_invalid_preferences_are_not_saved(client_as):
    browser = client_as(BRUNO)
    browser.post("/contacts/preferences", data={"cols": ["password"], "size": "7"})
    assert BRUNO.user.preferences["contacts"] == {}


def test_a_preference_for_a_removed_column_is_ignored(client_as):
    BRUNO.user.preferences = {"contacts": {"cols": ["no_longer"], "size": 7}}
    db.session.commit()
    assert client_as(BRUNO).get("/contacts/list/").status_code == 200
