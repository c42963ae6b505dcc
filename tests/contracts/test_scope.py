"""What is out of somebody's reach is a 404 at every door, and stays as it is.

Nora administers, but in the Northern entity only, so that nothing but the scope stops her.
"""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.crud.modelview import ModelView
from app.crud.trashview import TrashView
from app.extensions import db
from app.lines import Line
from app.security.rights import ADMINISTRATOR
from app.security.scope import Scoped
from app.trash.models import Trashable
from app.trash.services import move_to_trash
from tests.contracts.pagereader import parse_forms
from tests.factories import a_row, the_entity
from tests.people import ALICIA, Person, add_person

NORA = Person("nora", "Norte", ADMINISTRATOR)
NO_NUMBERS = ("999999", "0", "-1", "1.5", "abc", "%00", "99999999999999999999", "²", "1%20OR%201")
DOORS = (
    ("GET", "show/{}"),
    ("GET", "show/{}?tab=log"),
    ("GET", "edit/{}"),
    ("POST", "edit/{}"),
    ("GET", "duplicate/{}"),
    ("POST", "delete/{}"),
    ("POST", "restore/{}"),
    ("POST", "putback/{}/1/name"),
)

SCREENS = [view for view in ModelView.all() if not issubclass(view, TrashView)]
TRASHES = [view for view in ModelView.all() if issubclass(view, TrashView)]
every_screen = pytest.mark.parametrize("view", SCREENS, ids=lambda view: view.__name__)
trashable = pytest.mark.parametrize(
    "view",
    [view for view in SCREENS if issubclass(view.datamodel.obj, Trashable)],
    ids=lambda view: view.__name__,
)
of_an_entity = pytest.mark.parametrize(
    "view",
    [view for view in SCREENS if issubclass(view.datamodel.obj, Scoped)],
    ids=lambda view: view.__name__,
)
every_trash = pytest.mark.parametrize("view", TRASHES, ids=lambda view: view.__name__)
scoped_trash = pytest.mark.parametrize(
    "view",
    [view for view in TRASHES if hasattr(view.datamodel.obj, "scope")],
    ids=lambda view: view.__name__,
)
every_view = pytest.mark.parametrize("view", ModelView.all(), ids=lambda view: view.__name__)
scoped = pytest.mark.parametrize(
    "view",
    [view for view in SCREENS if hasattr(view.datamodel.obj, "scope")],
    ids=lambda view: view.__name__,
)


@pytest.fixture
def nora(client_as):
    add_person(NORA)
    return client_as(NORA)


def stored(row) -> dict:
    """Return a row as the database holds it."""
    table = type(row).__table__
    found = db.session.execute(select(table).where(table.c.id == row.id)).mappings().one()
    return dict(found)


def knock(browser, view, number, but: str = "") -> dict[str, int]:
    """Try every door with a number; return each door's answer."""
    return {
        f"{method} {door}": browser.open(
            f"{base(view)}/{door.format(number)}", method=method, data={"version": "1"}
        ).status_code
        for method, door in DOORS
        if door.partition("/")[0] not in {*closed(view), but}
    }


def base(view) -> str:
    return view.route_base


def closed(view) -> set[str]:
    """Return the doors a view does not have."""
    return {name.replace("_", "") for name in view.exclude_route_methods}


@scoped
def test_another_entitys_row_is_not_there(view, nora):
    row = a_row(view.datamodel.obj, "Sur")
    before = stored(row)

    assert set(knock(nora, view, row.id).values()) == {404}
    assert stored(row) == before


@scoped
def test_another_entitys_row_is_not_in_the_list(view, nora):
    ours, theirs = a_row(view.datamodel.obj, "Bilbao"), a_row(view.datamodel.obj, "Sur")

    page = nora.get(f"{base(view)}/list/?size=200").text

    assert f"{base(view)}/show/{ours.id}" in page
    assert f"{base(view)}/show/{theirs.id}" not in page
    assert str(theirs) not in page


@scoped
def test_an_entity_sees_what_lies_below_it(view, nora):
    row = a_row(view.datamodel.obj, "Bilbao")
    assert nora.get(f"{base(view)}/show/{row.id}").status_code == 200


@trashable
def test_a_row_in_the_trash_is_not_there(view, client_as):
    row = a_row(view.datamodel.obj)
    move_to_trash(row, ALICIA.as_actor())
    db.session.commit()

    before = stored(row)

    assert set(knock(client_as(ALICIA), view, row.id, but="restore").values()) == {404}
    assert stored(row) == before


@every_view
@pytest.mark.parametrize("number", NO_NUMBERS)
def test_a_number_that_is_nobodys_is_not_there(view, number, client_as):
    assert set(knock(client_as(ALICIA), view, number).values()) == {404}


@every_trash
def test_a_row_that_lives_is_not_in_the_trash(view, client_as):
    row = a_row(view.datamodel.obj)
    alicia = client_as(ALICIA)

    assert alicia.get(f"{base(view)}/show/{row.id}").status_code == 404
    assert alicia.post(f"{base(view)}/restore/{row.id}").status_code == 404


@scoped_trash
def test_the_trash_of_another_entity_is_out_of_reach(view, nora):
    row = a_row(view.datamodel.obj, "Sur")
    move_to_trash(row, ALICIA.as_actor())
    db.session.commit()
    before = stored(row)

    page = nora.get(f"{base(view)}/list/").text
    shown = nora.get(f"{base(view)}/show/{row.id}").status_code
    restored = nora.post(f"{base(view)}/restore/{row.id}").status_code
    ticked = {"action": "restore", "rowid": row.id}
    together = nora.post(f"{base(view)}/action_post", data=ticked).status_code
    nora.post(f"{base(view)}/empty", data={"word": "Delete permanently"})

    assert str(row) not in page
    assert (shown, restored, together) == (404, 404, 403)
    assert stored(row) == before


@scoped_trash
def test_an_action_runs_on_all_ticked_rows_or_on_none(view, nora):
    ours, theirs = a_row(view.datamodel.obj), a_row(view.datamodel.obj, "Sur")
    for row in (ours, theirs):
        move_to_trash(row, ALICIA.as_actor())
    db.session.commit()
    before = stored(ours)

    ticked = {"action": "restore", "rowid": [ours.id, theirs.id]}
    reply = nora.post(f"{base(view)}/action_post", data=ticked)

    assert reply.status_code == 403
    assert stored(ours) == before


@every_trash
@pytest.mark.parametrize("number", ["abc", "-1", "99999999999999999999", ""])
def test_an_action_on_no_number_is_refused(view, number, client_as):
    ticked = {"action": "restore", "rowid": number}
    assert client_as(ALICIA).post(f"{base(view)}/action_post", data=ticked).status_code == 400


@every_view
def test_an_action_that_does_not_exist_is_not_there(view, client_as):
    reply = client_as(ALICIA).post(f"{base(view)}/action_post", data={"action": "explode"})
    assert reply.status_code == 404


@every_screen
def test_pickers_offer_nothing_out_of_reach(view, nora, app):
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    for name in {*screen.edit_columns, *screen.search_columns}:
        if not screen.datamodel.is_relation(name):
            continue
        target = screen.datamodel.get_related_model(name)
        if not hasattr(target, "scope") or issubclass(target, Line):
            continue
        ours, theirs = a_row(target, "Norte"), a_row(target, "Sur")
        found = nora.get(f"{base(view)}/lookup/{name}?q={ours}").get_json()["results"]
        hidden = nora.get(f"{base(view)}/lookup/{name}?q={theirs}").get_json()["results"]
        assert ours.id in {row["id"] for row in found}, name
        assert theirs.id not in {row["id"] for row in hidden}, name


@every_view
def test_a_picker_that_does_not_exist_is_not_there(view, client_as):
    for name in ("password", "nope", "__class__", "id"):
        reply = client_as(ALICIA).get(f"{base(view)}/lookup/{name}?q=a")
        assert reply.status_code == 404


@of_an_entity
def test_a_row_cannot_be_moved_out_of_reach(view, nora):
    """Choosing an entity one does not see is refused, whatever the form was made to say."""
    row = a_row(view.datamodel.obj)
    before = stored(row)
    elsewhere = the_entity("Sur").id
    reply = nora.post(
        f"{base(view)}/edit/{row.id}", data={"version": row.version, "entity": elsewhere}
    )

    assert reply.status_code == 422
    assert stored(row) == before


@every_view
@pytest.mark.parametrize(
    "query",
    [
        "sort=password", "sort=-", "sort=__class__", "nope__is=1", "name__nope=1", "id__is=1",
        "size=10", "size=1000000", "size=abc", "size=-50", "page=2", "page=abc", "after=abc",
        "before=W10", "after=WyJhIiwgMSwgbnVsbF0x", "cols=password", "cols=nope",
        "cols=,", "_flt_0_name=a", "_oc_View=name", "page_View=1", "psize_View=5",
        "after=WzEsIDk5OTk5OTk5OTk5OTk5OTk5OTk5LCBudWxsXQ",
    ],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_refused(view, query, client_as):
    assert client_as(ALICIA).get(f"{base(view)}/list/?{query}").status_code in (400, 404)


@pytest.mark.parametrize(
    "query",
    [
        "status__is=abc", "status__is=", "status__is=1,,2", "status__is=99999999999999999999",
        "birth_date__from=yesterday", "birth_date__from=9999-99-99", "country__is=XX",
        "created_at__from=0001-01-01", "created_at__to=9999-12-31", "last_name__contains=",
        "language__is=fr", "q__is=a", "tags__is=-1", "entity__under=x",
    ],
)  # fmt: skip
def test_a_filter_with_an_impossible_value_is_refused(query, client_as):
    assert client_as(ALICIA).get(f"/contacts/list/?{query}").status_code in (400, 404)


@every_screen
def test_a_link_to_what_one_does_not_see_outlives_a_save(view, app, nora):
    """The form shows no such row, so it sends nothing for it: that does not mean to unlink it."""
    screen = next(v for v in app.appbuilder.baseviews if type(v) is view)
    for name in screen.edit_columns:
        data = screen.datamodel
        if not data.is_relation_many_to_one(name) or name == "entity":
            continue
        if not hasattr(data.get_related_model(name), "scope"):
            continue
        row, hidden = a_row(data.obj), a_row(data.get_related_model(name), "Sur")
        setattr(row, name, hidden)
        db.session.commit()
        page = nora.get(f"{base(view)}/edit/{row.id}")
        if page.status_code != 200:
            continue
        assert str(hidden) not in page.text
        form = next(form for form in parse_forms(page.text) if "version" in form.submitted())
        reply = nora.post(f"{base(view)}/edit/{row.id}", data=form.submitted())

        assert reply.status_code == 302, reply.text
        db.session.expire_all()
        assert getattr(row, name) is hidden, name
