"""Identical requests sent at the same time are one operation; over databases of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.contacts.models import Contact, Status
from app.extensions import db
from app.jobs.models import Job
from app.log.models import LogEntry
from app.operations.models import Operation
from tests.databases import migrated_app
from tests.factories import a_contact, a_value
from tests.people import BRUNO, api_key_header, force_login

pytestmark = pytest.mark.both_databases

URL = "/api/v1/operations/"
MANY = 12


@pytest.fixture
def own_app(database, tmp_path):
    """Give an application over a database of its own, which other threads see."""
    with migrated_app(database, tmp_path, with_people=True) as app:
        with app.app_context():
            for _number in range(5):
                a_contact()
        yield app


def at_once(app: Flask, url: str, sent: dict, headers: dict[str, str]) -> list:
    """Send one request from many threads at the same time; return the responses."""
    ready = Barrier(MANY)

    def send(_number: int):
        with app.app_context():
            browser = app.test_client()
            ready.wait()
            return browser.post(url, json=sent, headers=headers)

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(send, range(MANY)))


def count(model: type, *conditions) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def test_simultaneous_identical_requests_are_one_operation_and_one_undo(own_app):
    sent = {
        "action": "change-status", "resource": "contacts", "everything": True,
        "answers": {"status": "Active"},
    }  # fmt: skip
    with own_app.app_context():
        headers = api_key_header(BRUNO.user.id) | {"Idempotency-Key": "once"}

    replies = at_once(own_app, URL, sent, headers)
    assert {reply.status_code for reply in replies} <= {201, 202}
    (number,) = {reply.get_json()["operation"] for reply in replies}
    with own_app.app_context():
        assert (count(Operation), count(Job)) == (1, 1)
        assert count(LogEntry, LogEntry.operation_id == number) == 5
        assert set(db.session.scalars(select(Contact.version))) == {2}

    replies = at_once(own_app, f"{URL}{number}/undo", {}, headers)
    assert {reply.status_code for reply in replies} <= {200, 202}
    with own_app.app_context():
        assert count(Job) == 2
        assert set(db.session.scalars(select(Contact.version))) == {3}
        assert set(db.session.scalars(select(Contact.status_id))) == {None}


def test_a_draft_confirmed_in_many_windows_runs_once_with_the_first_answers(own_app):
    """Each window sends another answer; only one of them is used."""
    with own_app.app_context():
        user, values = BRUNO.user.id, [a_value(Status).id for _number in range(MANY)]
        browsers = [own_app.test_client() for _number in range(MANY)]
        for browser in browsers:
            force_login(browser, user)
        ids = list(db.session.scalars(select(Contact.id)))
        ticked = {"action": "change_status", "rowid": ids}
        at = browsers[0].post("/contacts/action_post", data=ticked).location
    ready = Barrier(MANY)

    def confirm(place: int):
        with own_app.app_context():
            ready.wait()
            sent = {"status": values[place], "matched": len(ids)}
            return browsers[place].post(f"{at}confirm", data=sent)

    with ThreadPoolExecutor(MANY) as threads:
        replies = list(threads.map(confirm, range(MANY)))
    assert {reply.status_code for reply in replies} == {302}
    assert len({reply.location for reply in replies}) == 1
    with own_app.app_context():
        assert (count(Operation), count(Job)) == (1, 1)
        assert count(LogEntry, LogEntry.operation_id.is_not(None)) == len(ids)
        assert set(db.session.scalars(select(Contact.version))) == {2}
        (answer,) = db.session.scalars(select(Operation.answers)).one()["status"]
        assert set(db.session.scalars(select(Contact.status_id))) == {int(answer)}
