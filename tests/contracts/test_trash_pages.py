"""The page of a row in the trash: who deleted it, restore it, delete it permanently."""

from __future__ import annotations

import re

import pytest
from flask_babel import force_locale
from sqlalchemy import select

from app.crud.trashview import TrashView
from app.log.models import LogEntry
from app.trash.services import move_to_trash
from tests.factories import a_contact, a_row
from tests.people import ALICIA, BRUNO, CLARA

TRASHES = [view for view in TrashView.all() if "purge" not in view.exclude_route_methods]
every_trash = pytest.mark.parametrize("view", TRASHES, ids=lambda view: view.__name__)


def trashed(view, session, entity: str = "Norte"):
    row = a_row(view.datamodel.obj, entity)
    move_to_trash(row, BRUNO.as_actor())
    session.commit()
    return row


def stored(session, row_class, number: int):
    session.expire_all()
    query = select(row_class).where(row_class.id == number)
    return session.scalar(query.execution_options(with_trash=True))


def test_there_are_trashes_to_purge_from():
    assert len(TRASHES) >= 2


@every_trash
def test_the_page_says_who_deleted_it_and_what_it_is(view, client_as, session):
    row = trashed(view, session)
    page = client_as(ALICIA).get(f"{view.route_base}/show/{row.id}").text
    banner = page.split('class="banner banner-warning"', 1)[1].split("</div>", 1)[0]
    assert "Deleted by Bruno García" in banner
    assert str(view.trash_note) in banner
    assert "This is in the trash" not in banner


@every_trash
def test_the_log_of_a_row_in_the_trash_says_who_deleted_it(view, client_as, session):
    browser = client_as(BRUNO)
    row = a_row(view.datamodel.obj, "Norte")
    browser.post(f"{view.list_route_base}/delete/{row.id}")
    reply = browser.get(f"{view.route_base}/show/{row.id}?tab=log")
    assert reply.status_code == 200
    assert "<b>Bruno García</b>" in reply.text


@every_trash
def test_one_row_is_deleted_permanently_and_the_others_stay(view, client_as, session):
    row, other = trashed(view, session), trashed(view, session)
    number, other_number, model = row.id, other.id, view.datamodel.obj
    browser = client_as(BRUNO)
    action = f'action="{view.route_base}/purge/{number}"'
    assert action in browser.get(f"{view.route_base}/show/{number}").text
    reply = browser.post(f"{view.route_base}/purge/{number}")
    assert reply.location == f"{view.route_base}/list/"
    assert stored(session, model, number) is None
    assert stored(session, model, other_number) is not None
    events = select(LogEntry.event).where(
        LogEntry.subject_type == model.__tablename__, LogEntry.subject_id == number
    )
    assert "purged" in session.scalars(events).all()


@every_trash
def test_messages_count_in_the_words_of_the_screen(view, client_as, session):
    rows, browser = [trashed(view, session), trashed(view, session)], client_as(ALICIA)
    ticked = {"action": "restore", "rowid": [row.id for row in rows]}
    page = browser.post(f"{view.route_base}/action_post", data=ticked, follow_redirects=True)
    with force_locale("en"):
        counted = view.counted(2)
    assert counted != "2 items"
    assert f"{counted} restored." in page.text


@every_trash
def test_only_a_row_in_the_trash_and_in_reach_is_deleted(view, client_as, session):
    model, url = view.datamodel.obj, f"{view.route_base}/purge"
    alive, foreign = a_row(model).id, trashed(view, session, "Sur").id
    reader = trashed(view, session).id
    for number in (alive, foreign, 2**31 - 2):
        assert client_as(BRUNO).post(f"{url}/{number}").status_code == 404
    assert client_as(CLARA).post(f"{url}/{reader}").status_code == 403
    for number in (alive, foreign, reader):
        assert stored(session, model, number) is not None
    page = client_as(CLARA).get(f"{view.route_base}/show/{reader}").text
    assert f'action="{url}' not in page


@every_trash
def test_what_deletes_permanently_is_a_quiet_button_that_comes_last(view, client_as, session):
    row, browser = trashed(view, session), client_as(ALICIA)
    for page, ways, address in (
        ("list/", 'class="head-ways">', f'href="{view.route_base}/empty"'),
        (f"show/{row.id}", 'class="banner banner-warning"', f"{view.route_base}/purge/{row.id}"),
    ):
        text = browser.get(f"{view.route_base}/{page}").text.split(ways, 1)[1]
        # Up to the end of the row of buttons.
        buttons = text.split("</div>\n", 1)[0]
        assert re.findall('class="btn ([^"]*)"', buttons)[-1] == "btn-line btn-quiet-danger", page
        assert address in buttons


def test_the_initials_are_those_of_the_list(client_as, session):
    contact = a_contact(first_name="Hannah", last_name="Álvarez de Toledo")
    move_to_trash(contact, BRUNO.as_actor())
    session.commit()
    page = client_as(BRUNO).get(f"/contacts/trash/show/{contact.id}").text
    head = page.split('class="file-head"', 1)[1]
    assert head.split('aria-hidden="true">', 1)[1][:2] == "HÁ"
    assert 'data-i="HÁ"' in client_as(BRUNO).get("/contacts/trash/list/").text
