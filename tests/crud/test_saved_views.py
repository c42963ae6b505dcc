"""Saved views, and the user's columns and page size."""

from __future__ import annotations

import re

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


def test_only_the_owner_deletes_a_private_view(client_as):
    save_view(client_as(BRUNO))
    number = saved_view().id
    assert client_as(ALICIA).post(f"/contacts/views/{number}/delete").status_code == 404
    assert client_as(CLARA).post(f"/contacts/views/{number}/delete").status_code == 404
    assert client_as(BRUNO).post(f"/accounts/views/{number}/delete").status_code == 404
    assert client_as(BRUNO).post(f"/contacts/views/{number}/delete").status_code == 302
    assert db.session.scalars(select(SavedView)).all() == []


@pytest.fixture
def shared_view(client_as) -> SavedView:
    """Share a view of Bruno's with the users who have his role; Clara has it, too."""
    role = next(role for role in BRUNO.user.roles if role.name == EDITS_CONTACTS)
    save_view(client_as(BRUNO), name="For editors", role=role.id)
    CLARA.user.roles = [role]
    db.session.commit()
    return saved_view()


def test_administrators_find_and_delete_views_that_others_share(shared_view, client_as):
    browser = client_as(ALICIA)
    page = browser.get("/contacts/views/").text
    assert "For editors" in page
    assert "Bruno García" in page
    assert browser.post(f"/contacts/views/{shared_view.id}/delete").status_code == 302
    assert db.session.scalars(select(SavedView)).all() == []


def test_whoever_sees_a_shared_view_cannot_change_it(shared_view, client_as):
    browser, number = client_as(CLARA), shared_view.id
    assert "For editors" in browser.get("/contacts/views/").text
    for way in ("delete", "edit", "save"):
        assert (
            browser.post(f"/contacts/views/{number}/{way}", data={"name": "X"}).status_code == 404
        )
    assert saved_view().name == "For editors"


def test_a_view_stays_open_while_its_list_is_changed(client_as):
    browser = client_as(BRUNO)
    address = save_view(browser).location
    assert "View changed" not in browser.get(address).text

    page = browser.get(f"{address}&city__contains=x").text

    assert "View changed" in page
    assert re.search(r'<a href="[^"]*view=\d+" aria-current="page"', page)
    # Sorting, removing the filter and searching stay inside the view.
    links = re.findall(r'href="(\?[^"]*(?:sort=|cols=)[^"]*)"', page)
    assert links
    assert all("view=" in link for link in links)
    assert 'name="view"' in page


def test_changes_are_saved_into_the_view(client_as):
    browser = client_as(BRUNO)
    save_view(browser)
    number = saved_view().id

    reply = browser.post(
        f"/contacts/views/{number}/save", data={"on": "country__is=ES&sort=email"}
    )

    assert f"view={number}" in reply.location
    assert "country__is=ES" in saved_view().query
    assert "View changed" not in browser.get(reply.location).text


def test_a_view_is_renamed_shared_and_made_private_again(client_as):
    browser, role = client_as(BRUNO), BRUNO.user.roles[0].id
    save_view(browser)
    address = f"/contacts/views/{saved_view().id}/edit"
    assert 'value="Dublin"' in browser.get(address).text
    for shared in (role, None):
        browser.post(address, data={"name": "Ireland", "role": shared or ""})
        assert (saved_view().name, saved_view().role_id) == ("Ireland", shared)
    assert browser.post(address, data={"name": ""}).status_code == 422


def test_a_second_view_of_the_same_name_is_refused(client_as):
    browser = client_as(BRUNO)
    save_view(browser, name="Búsqueda")
    assert save_view(browser, name="BUSQUEDA").status_code == 422
    save_view(browser, name="Other")
    other = db.session.scalar(select(SavedView.id).where(SavedView.name == "Other"))
    reply = browser.post(f"/contacts/views/{other}/edit", data={"name": "búsqueda"})
    assert reply.status_code == 422
    assert "already exists" in reply.text


def test_a_user_saves_so_many_views_and_no_more(client_as, monkeypatch):
    monkeypatch.setattr("app.crud.viewpages.MAX_VIEWS", 2)
    browser = client_as(BRUNO)
    assert [save_view(browser, name=name).status_code for name in "ABC"] == [302, 302, 422]


def test_views_are_sorted_as_they_are_read(client_as):
    browser = client_as(BRUNO)
    for name in ("Zeta", "Ñandú", "nz", "Ábaco", "abril"):
        save_view(browser, name=name)
    page = browser.get("/contacts/list/").text
    places = [page.index(f">{name}<") for name in ("Ábaco", "abril", "nz", "Ñandú", "Zeta")]
    assert places == sorted(places)


def test_roles_are_offered_by_the_names_that_are_shown(client_as):
    page = client_as(ALICIA).get("/contacts/views/new", headers={"Accept-Language": "es"}).text
    assert ">Administrador<" in page
    assert ">Admin<" not in page


def test_columns_chosen_inside_a_view_belong_to_the_view(client_as):
    browser = client_as(BRUNO)
    address = save_view(browser).location
    on = address.partition("?")[2]
    data = {"cols": ["city"], "size": "25", "on": on}
    reply = browser.post("/contacts/preferences", data=data)
    assert "cols=name%2Ccity" in reply.location or "cols=city" in reply.location
    assert "view=" in reply.location
    assert BRUNO.user.preferences in (None, {})


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
