"""Every list stops after a while and asks to be narrowed down; a user loads few slow ones at once."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import literal_column

import app.crud.limits as limits
import app.crud.lookup as lookup
from app.crud.api import ModelApi
from app.crud.limits import TooManySlowLists, slow_list
from app.crud.modelview import ModelView
from app.crud.prepared import forget_statements
from app.crud.table import Table
from app.text import fold
from app.trash.services import move_to_trash
from tests.factories import a_contact, a_row
from tests.people import ALICIA, BRUNO, api_key_header

pytestmark = pytest.mark.both_databases

# Counts for a second or two on either database.
SLOW = literal_column(
    "(WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000000)"
    " SELECT count(*) FROM n)"
)
ADVICE = "Narrow it down"


def select_slowly(table: Table, state, select=Table.select):
    """Select the rows of a list by a condition that takes long."""
    return select(table, state).where(SLOW > 0)


@contextmanager
def slowed_lists():
    """Make every list slow inside the block, and the limit short.

    Statements that are kept are built anew: those from before are fast, those from inside slow.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MAX_SECONDS", 0.02)
        patch.setattr(Table, "select", select_slowly)
        forget_statements()
        try:
            yield
        finally:
            forget_statements()


@pytest.fixture
def slow_lists():
    """Make every list slow, and the limit short."""
    with slowed_lists():
        yield


@pytest.mark.parametrize("view", ModelView.all(), ids=lambda view: view.__name__)
def test_a_slow_list_asks_to_be_narrowed_down(view, app, client_as, slow_lists):
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    row = a_row(screen.datamodel.obj)
    if screen.datamodel.with_trash:
        move_to_trash(row, ALICIA.as_actor())
    browser = client_as(ALICIA)

    page = browser.get(f"{screen.route_base}/list/")
    count = browser.get(f"{screen.route_base}/count", headers={"X-Fragment": "1"})

    assert (page.status_code, count.status_code) == (503, 503)
    assert ADVICE in page.text
    assert ADVICE in count.json["error"]


@pytest.mark.parametrize("api", ModelApi.all(), ids=lambda api: api.__name__)
def test_a_slow_list_of_the_api_asks_to_be_narrowed_down(api, app, client_as, slow_lists):
    a_row(api.view.datamodel.obj)
    key = api_key_header(ALICIA.user.id)
    reply = client_as(None).get(f"/api/v1{api.view.route_base}/", headers=key)
    assert reply.status_code == 503
    assert ADVICE in reply.json["error"]


def test_a_slow_export_asks_to_be_narrowed_down(client_as, slow_lists):
    a_contact()
    reply = client_as(ALICIA).post("/contacts/export.csv")
    assert reply.status_code == 503
    assert ADVICE in reply.text


def test_a_slow_picker_asks_to_be_narrowed_down(client_as, monkeypatch):
    a_contact()
    monkeypatch.setattr(limits, "MAX_SECONDS", 0.02)
    visible = lookup.visible
    monkeypatch.setattr(
        lookup, "visible", lambda model, actor: visible(model, actor).where(SLOW > 0)
    )
    reply = client_as(BRUNO).get("/contacts/lookup/manager", headers={"X-Fragment": "1"})
    assert reply.status_code == 503
    assert ADVICE in reply.json["error"]


def test_the_next_list_is_not_limited_by_the_one_that_was_stopped(client_as):
    contact = a_contact()
    browser = client_as(ALICIA)
    with slowed_lists():
        assert browser.get("/contacts/list/").status_code == 503
    page = browser.get(f"/contacts/list/?last_name__contains={contact.last_name}")
    assert page.status_code == 200


def test_a_user_loads_two_slow_lists_at_once(client_as):
    a_contact(notes="x")
    browser, actor = client_as(BRUNO), BRUNO.as_actor()
    slow = "/contacts/list/?notes__contains=x"
    with slow_list(actor), slow_list(actor):
        refused = browser.get(slow)
        assert refused.status_code == 429
        assert "Wait until your other lists" in refused.text
        assert browser.get("/contacts/list/").status_code == 200
        assert client_as(ALICIA).get(slow).status_code == 200
        with pytest.raises(TooManySlowLists), slow_list(actor):
            pass
    assert browser.get(slow).status_code == 200


def test_three_filters_may_read_every_row(client_as):
    a_contact(notes="x")
    query = "notes__contains=x&street__empty=1&position__contains=x&city__starts=x"
    assert client_as(BRUNO).get(f"/contacts/list/?{query}").status_code == 200
    refused = client_as(BRUNO).get(f"/contacts/list/?{query}&mobile__contains=5")
    assert refused.status_code == 400
    assert "at most 3 text filters" in refused.text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True, scope="session")
def test_a_text_that_several_filters_compare_is_folded_once(client_as, monkeypatch):
    a_contact(notes="Prefers 4711 letters")
    folded: list[str] = []
    monkeypatch.setattr("app.database.fold", lambda value: folded.append(value) or fold(value))
    query = "&".join(f"notes__contains={part}" for part in ("prefers", "4711", "letters"))
    assert client_as(BRUNO).get(f"/contacts/list/?{query}").status_code == 200
    assert folded.count("Prefers 4711 letters") == 1


def test_what_an_index_answers_is_not_counted(client_as):
    query = "&".join(f"last_name__contains=abc{number}" for number in range(5))
    assert client_as(BRUNO).get(f"/contacts/list/?{query}").status_code == 200
