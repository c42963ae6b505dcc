"""The values of a repository: their order, how many rows use each."""

from __future__ import annotations

import re
import threading

import pytest
from flask import Flask
from sqlalchemy import select

from app.contacts.models import Status, Tag
from app.extensions import db
from app.log.models import LogEntry
from app.repositories.services import move_value
from app.security.actor import SYSTEM
from app.security.areas import Area, Level
from app.security.roles import role_name
from tests.databases import migrated_app, somebody_waits
from tests.factories import a_contact, a_value, the_value
from tests.people import ALICIA, BRUNO, Person, add_person, force_login

ROUTE = "/statuses"


def _names(session) -> list[str]:
    query = select(Status.label_en).order_by(Status.position, Status.id)
    return list(session.scalars(query))


def _move(client, way: str, row: Status):
    return client.post(f"{ROUTE}/move", data={way: str(row.id)})


def test_a_value_moves_up_and_down_among_the_others(client_as, session):
    before = _names(session)
    second = the_value(Status, before[1])
    alicia = client_as(ALICIA)

    reply = _move(alicia, "up", second)

    assert reply.status_code == 302
    assert reply.headers["Location"].endswith(f"{ROUTE}/list/#up-{second.id}")
    assert _names(session) == [before[1], before[0], *before[2:]]
    _move(alicia, "down", second)
    assert _names(session) == before


def test_the_first_value_stays_first_and_the_last_one_last(client_as, session):
    before = _names(session)
    alicia = client_as(ALICIA)

    _move(alicia, "up", the_value(Status, before[0]))
    _move(alicia, "down", the_value(Status, before[-1]))

    assert _names(session) == before


def test_values_with_the_same_position_can_be_moved_apart(session):
    for value in session.scalars(select(Status)):
        value.position = 7
    session.flush()
    before = _names(session)

    move_value(session, Status, the_value(Status, before[2]).id, SYSTEM, up=True)

    assert _names(session) == [before[0], before[2], before[1], *before[3:]]
    positions = session.scalars(select(Status.position).order_by(Status.position)).all()
    assert positions == list(range(1, len(before) + 1))


@pytest.fixture
def postgres_app(tmp_path) -> Flask:
    """Return an application of its own on PostgreSQL, where writers run in parallel."""
    with migrated_app("postgres", tmp_path, with_people=True) as app:
        yield app


def test_two_moves_at_the_same_time_both_count(postgres_app):
    with postgres_app.app_context():
        before = _names(db.session)
        last = the_value(Status, before[-1]).id
        db.session.commit()

    def move_up() -> None:
        move_value(db.session(), Status, last, SYSTEM, up=True)

    def the_other() -> None:
        with postgres_app.app_context():
            move_up()
            db.session.commit()

    with postgres_app.app_context():
        move_up()
        other = threading.Thread(target=the_other)
        other.start()
        while other.is_alive() and not somebody_waits():
            pass
        assert other.is_alive(), "the second waits for the first"
        db.session.commit()
        other.join(60)
        assert _names(db.session) == [*before[:-3], before[-1], *before[-3:-1]]


def test_the_log_of_the_moved_value_alone_says_so(client_as, session):
    before = _names(session)
    value = the_value(Status, before[1])
    _move(client_as(ALICIA), "up", value)

    entries = session.scalars(
        select(LogEntry).where(LogEntry.subject_type == "status", LogEntry.event == "changed")
    ).all()

    assert [(e.subject_id, e.changes, e.actor_name) for e in entries] == [
        (value.id, {"position": [2, 1]}, str(ALICIA.user))
    ]


def test_a_form_that_was_open_meanwhile_can_be_saved(client_as, session):
    before = _names(session)
    value = the_value(Status, before[1])
    typed = {
        "version": str(value.version), "label_en": "Renamed", "label_es": "Otro",
        "colour": "grey", "is_active": "1",
    }  # fmt: skip
    alicia = client_as(ALICIA)
    _move(alicia, "up", value)

    assert alicia.post(f"{ROUTE}/edit/{value.id}", data=typed).status_code == 302
    assert _names(session) == ["Renamed", before[0], *before[2:]]


def test_a_new_value_is_the_last_of_its_list(client_as, session):
    client_as(ALICIA).post(f"{ROUTE}/add", data={"label_en": "Paused", "label_es": "En pausa"})

    assert _names(session)[-1] == "Paused"


def test_nobody_moves_a_value_without_the_right_to_edit_it(client_as, session):
    before = _names(session)

    reply = _move(client_as(BRUNO), "up", the_value(Status, before[1]))

    assert reply.status_code in (302, 403)
    assert _names(session) == before


def test_who_may_only_read_settings_sees_no_column_of_buttons(client_as, app, session):
    reader = Person("reader", "Federación", role_name(Area.SETTINGS, Level.READ))
    browser = app.test_client()
    force_login(browser, add_person(reader).id)

    page = browser.get(f"{ROUTE}/list/").text

    assert "Active" in page
    assert "/move" not in page
    assert ">Order<" not in page
    value = the_value(Status, _names(session)[1])
    before = _names(session)
    assert _move(browser, "up", value).status_code in (302, 403)
    assert _names(session) == before


def test_no_form_asks_for_the_order(client_as):
    assert 'name="position"' not in client_as(ALICIA).get(f"{ROUTE}/add").text


def test_the_first_value_cannot_go_up_nor_the_last_one_down(client_as, session):
    page = client_as(ALICIA).get(f"{ROUTE}/list/").text
    names = _names(session)

    disabled = re.findall(r"id=(up|down)-(\d+) aria-disabled=true", page)

    assert disabled == [
        ("up", str(the_value(Status, names[0]).id)),
        ("down", str(the_value(Status, names[-1]).id)),
    ]


@pytest.mark.parametrize("typed", ["", "x", "999999", "-1", "1" * 30])
def test_moving_what_does_not_exist_is_not_found(client_as, session, typed):
    assert client_as(ALICIA).post(f"{ROUTE}/move", data={"up": typed}).status_code == 404


def test_a_list_sorted_in_another_way_has_no_buttons_to_move(client_as, session):
    alicia = client_as(ALICIA)

    assert b"name=up" in alicia.get(f"{ROUTE}/list/").data
    assert b"name=up" not in alicia.get(f"{ROUTE}/list/?sort=name").data
    assert b"name=up" not in alicia.get(f"{ROUTE}/list/?is_active__yes=1").data


def test_the_list_says_how_many_rows_use_each_value(client_as, session, counting):
    value = a_value(Status, label_en="Paused")
    for entity in ("Norte", "Norte", "Sur"):
        a_contact(entity, status=value)
    a_contact(status=value).trashed_at = value.created_at
    session.flush()
    alicia = client_as(ALICIA)

    with counting() as statements:
        page = alicia.get(f"{ROUTE}/list/").text

    row = re.search(r"<tr>(?:(?!</tr>|<tr>).)*Paused.*?(?=<tr>|</tbody>)", page, re.S)
    assert row is not None
    assert f'<a href="/contacts/list/?status__is={value.id}">3 contacts</a>' in row[0]
    assert len(statements) <= 12
    assert "of 3" in alicia.get(f"/contacts/list/?status__is={value.id}").text


def test_the_number_of_uses_of_a_tag_links_to_the_contacts_that_have_it(client_as, session):
    tag = a_value(Tag, label_en="Paused")
    a_contact(tags=[tag])

    page = client_as(ALICIA).get("/tags/list/").text

    assert f'<a href="/contacts/list/?tags__is={tag.id}">1 contact</a>' in page


def test_who_may_not_list_contacts_sees_their_number_without_a_link(app, session):
    a_contact(status=a_value(Status, label_en="Paused"))
    reader = Person("reader", "Federación", role_name(Area.SETTINGS, Level.READ))
    browser = app.test_client()
    force_login(browser, add_person(reader).id)

    page = browser.get(f"{ROUTE}/list/").text

    assert "1 contact" in page
    assert "/contacts/list/?status__is" not in page
