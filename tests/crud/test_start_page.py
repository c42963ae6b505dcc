"""The start page: the first step, what needs doing, the latest changes, processes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.crud import limits
from app.crud.monthlychart import last_months
from app.extensions import db
from app.i18n.clock import today
from app.jobs.services import enqueue
from app.trash.services import move_to_trash
from app.types import now
from tests.contracts.pagereader import find_post_form
from tests.factories import a_contact, the_entity
from tests.people import ALICIA, BRUNO, CLARA, DIEGO

pytestmark = pytest.mark.usefixtures("session")


def main(page: str) -> str:
    return page.split("<main", 1)[1]


def test_an_empty_database_shows_what_to_do_first(client_as):
    page = main(client_as(BRUNO).get("/").text)
    assert 'href="/contacts/add"' in page
    assert 'href="/contacts/import"' in page
    assert "start-figure-label" not in page
    # Who may not add anything sees that there is nothing.
    page = main(client_as(CLARA).get("/").text)
    assert 'href="/contacts/add"' not in page
    assert "<b>0</b>" in page
    a_contact()
    page = main(client_as(BRUNO).get("/").text)
    assert "start-figure-label" in page
    assert 'href="/contacts/import"' not in page


def test_who_has_no_rights_is_told_whom_to_ask(client_as):
    a_contact()
    assert "There is nothing here for you yet" in client_as(DIEGO).get("/").text


def edit(browser, contact, **changes) -> None:
    url = f"/contacts/edit/{contact.id}"
    form = find_post_form(browser.get(url).text)
    assert browser.post(url, data=form.submitted(**changes)).status_code == 302


def test_ones_latest_changes_are_those_one_may_still_open(client_as):
    mine, moved, trashed, other = (
        a_contact(last_name=name) for name in ("Mine", "Moved", "Trashed", "Other")
    )
    bruno = client_as(BRUNO)
    for contact in (mine, moved, trashed):
        edit(bruno, contact, city="Lugo")
    edit(bruno, mine, city="Vigo")
    edit(client_as(ALICIA), other, city="Lugo")
    page = main(bruno.get("/").text)
    for contact, count in ((mine, 1), (moved, 1), (trashed, 1), (other, 0)):
        assert page.count(f'href="/contacts/show/{contact.id}"') == count
    moved.entity = the_entity("Sur")
    move_to_trash(trashed, BRUNO.as_actor())
    db.session.commit()
    page = main(bruno.get("/").text)
    assert f'href="/contacts/show/{mine.id}"' in page
    for contact in (moved, trashed):
        assert f'href="/contacts/show/{contact.id}"' not in page


def test_the_trash_is_announced_before_it_empties_itself(app, client_as, monkeypatch):
    soon, later = a_contact(), a_contact()
    for contact, days in ((soon, 28), (later, 2)):
        move_to_trash(contact, BRUNO.as_actor())
        contact.trashed_at = now() - timedelta(days=days)
    db.session.commit()
    assert "deleted permanently" not in main(client_as(BRUNO).get("/").text)
    monkeypatch.setitem(app.config, "TRASH_DAYS", 30)
    page = main(client_as(BRUNO).get("/").text)
    assert "1 contact in the trash will be deleted permanently within a week" in page
    day = (today() - timedelta(days=23)).isoformat()
    url = f"/contacts/trash/list/?trashed_at__to={day}"
    assert f'href="{url}"' in page
    listed = client_as(BRUNO).get(url).text
    assert f"/contacts/trash/show/{soon.id}>" in listed
    assert f"/contacts/trash/show/{later.id}>" not in listed


def test_processes_are_ones_own_and_recent(client_as):
    a_contact()
    for person, state, days in (
        (BRUNO, "running", 0), (BRUNO, "failed", 3), (BRUNO, "failed", 9), (ALICIA, "failed", 1),
    ):  # fmt: skip
        job = enqueue(db.session(), "sample", {}, person.as_actor(), title=f"{state} {days}")
        job.state = state
        if state == "failed":
            job.finished_at = now() - timedelta(days=days)
    db.session.commit()
    page = main(client_as(BRUNO).get("/").text)
    assert "1 of your processes failed this week" in page
    assert "running 0" in page
    assert "failed 3" not in page


def test_months_are_compared_once_there_are_two(client_as):
    a_contact()
    assert "<rect" not in client_as(BRUNO).get("/cards/new-contacts").text
    first = today().replace(day=1)
    old = a_contact()
    old.created_at = now() - timedelta(days=now().day + 40)
    db.session.commit()
    page = client_as(BRUNO).get("/cards/new-contacts").text
    assert page.count("<rect") == 12
    assert f"created_at__from={first.isoformat()}&amp;created_at__to=" in page
    months = last_months(first.replace(month=1, year=2026), 3)
    assert [(month.year, month.month) for month in months] == [(2025, 11), (2025, 12), (2026, 1)]


def test_numbers_that_take_too_long_are_left_out(client_as, monkeypatch):
    a_contact()
    browser = client_as(BRUNO)

    def too_slow(session):
        raise limits.TooSlow

    monkeypatch.setattr("app.crud.startpage.time_limit", too_slow)
    reply = browser.get("/")
    assert reply.status_code == 200
    assert "<b>—</b>" in main(reply.text)
