"""What every list promises: the way back to it, its filter dialog, its look without rows."""

from __future__ import annotations

import re

import pytest

from app.crud.modelview import ModelView
from app.crud.trashview import TrashView
from tests.factories import a_contact, a_row, some_contacts
from tests.people import ALICIA, BRUNO, CLARA

views = pytest.mark.parametrize("view", ModelView.all(), ids=lambda view: view.__name__)
screens = pytest.mark.parametrize(
    "view",
    [view for view in ModelView.all() if not issubclass(view, TrashView)],
    ids=lambda view: view.__name__,
)


def base_of(app, view) -> str:
    return next(v for v in app.appbuilder.baseviews if type(v) is view).route_base


@screens
def test_every_file_leads_back_to_the_list_as_it_was(view, app, client_as):
    base, row = base_of(app, view), a_row(view.datamodel.obj)
    browser = client_as(ALICIA)
    query = "sort=-name&size=25"
    assert browser.get(f"{base}/list/?{query}").status_code == 200
    back = f'href="{base}/list/?{query.replace("&", "&amp;")}"'
    assert back in browser.get(f"{base}/show/{row.id}").text
    assert back in browser.get(f"{base}/add").text
    assert back in browser.get(f"{base}/edit/{row.id}").text


def test_deleting_leads_back_to_the_page_it_was_found_on(client_as):
    contact = a_contact(city="Burgos")
    browser = client_as(BRUNO)
    browser.get("/contacts/list/?city__contains=burgos&sort=-email")
    browser.get("/accounts/list/")
    reply = browser.post(f"/contacts/delete/{contact.id}")
    assert reply.location == "/contacts/list/?city__contains=burgos&sort=-email"


@pytest.mark.parametrize("query", ["q=" + "x" * 3000, "a\"b'<>=1&q=ñ", "q=%00%ff"])
def test_a_list_is_remembered_in_a_safe_and_small_cookie(query, client_as):
    browser = client_as(BRUNO)
    for place in ("contacts", "accounts", "contacts/trash", "accounts/trash", "contacts"):
        browser.get(f"/{place}/list/?{query}")
    cookie = browser.get_cookie("session")
    assert cookie is None or len(cookie.value) < 3800
    assert browser.get("/contacts/add").status_code == 200


@views
def test_a_wrong_filter_value_is_told_in_the_dialog(view, app, client_as):
    """And a space is no value."""
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    browser = client_as(ALICIA)
    browser.environ_base["HTTP_X_FRAGMENT"] = "1"
    wrong = {
        "day": "yesterday",
        "whole": "many",
        "number": "many",
        "pick": "x",
        "choice": "nope",
        "text": "y" * 201,
    }
    for column in screen.search_columns:
        for filter_ in screen.table.get_filters(column):
            if filter_.asks == "none":
                continue
            asked = {"on": "size=25", "filter": f"{column}__{filter_.arg_name}"}
            url = f"{screen.route_base}/filter"
            empty = browser.get(url, query_string={**asked, "value": "  "})
            assert empty.headers["X-Location"].endswith("/list/?size=25"), asked
            reply = browser.get(url, query_string={**asked, "value": wrong[filter_.asks]})
            assert reply.status_code == 422, asked
            assert 'id="filter-error"' in reply.text
            assert f'value="{column}__{filter_.arg_name}"' in reply.text
            assert re.search(r"<details[^>]* open>", reply.text)


def test_a_list_without_rows_shows_only_what_to_do_first(client_as):
    page = client_as(BRUNO).get("/contacts/list/").text
    assert "Add your first contact or import a list." in page
    for tool in ("Add filter", "Search in this list", "Columns", "Save view", 'class="foot"'):
        assert tool not in page


def test_a_list_of_one_page_has_no_pager(client_as):
    some_contacts(3)
    page = client_as(BRUNO).get("/contacts/list/").text
    assert 'class="pager"' not in page
    assert "per page" not in page


def test_colour_is_for_the_status_alone(client_as):
    some_contacts(2)
    page = client_as(BRUNO).get("/contacts/list/").text
    assert re.search(r"<b class=\"green\">Active</b>", page)
    assert re.search(r"<td>Member\s*<td>|<td>Member$", page, re.MULTILINE)


@pytest.mark.parametrize(
    ("person", "tabs"), [(ALICIA, ["Contacts", "Accounts", "Users"]), (CLARA, ["Contacts", "Accounts"])],
    ids=["alicia", "clara"],
)  # fmt: skip
def test_there_is_one_trash_with_a_tab_for_each_list(person, tabs, client_as):
    page = client_as(person).get("/contacts/trash/list/").text
    menu, _main, content = page.partition("<main")
    assert menu.count("<span>Trash</span>") == 1
    assert (
        re.findall(r"<li><a href=\"[^\"]*/trash/list/\"[^>]*><span>(\w+)</span>", content) == tabs
    )
    assert client_as(ALICIA).get("/users/trash/list/").text.count("<h1>Trash</h1>") == 1


@screens
def test_no_stored_role_name_is_offered_for_sharing(view, app, client_as):
    page = client_as(ALICIA).get(f"{base_of(app, view)}/views/new").text
    assert ">Administrator<" in page
    assert ">Admin<" not in page
