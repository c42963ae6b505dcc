"""The values of a repository: their order, how many rows use each."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.contacts.models import Status
from app.repositories.services import move_value
from tests.factories import a_contact, a_value, the_value
from tests.people import ALICIA, BRUNO

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

    move_value(session, Status, the_value(Status, before[2]).id, up=True)
    session.flush()

    assert _names(session) == [before[0], before[2], before[1], *before[3:]]


def test_a_new_value_is_the_last_of_its_list(client_as, session):
    client_as(ALICIA).post(f"{ROUTE}/add", data={"label_en": "Paused", "label_es": "En pausa"})

    assert _names(session)[-1] == "Paused"


def test_nobody_moves_a_value_without_the_right_to_edit_it(client_as, session):
    before = _names(session)

    reply = _move(client_as(BRUNO), "up", the_value(Status, before[1]))

    assert reply.status_code in (302, 403)
    assert _names(session) == before
    page = client_as(BRUNO).get(f"{ROUTE}/list/")
    assert b"/move" not in page.data


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
    assert "3 contacts" in row[0]
    assert len(statements) <= 12
