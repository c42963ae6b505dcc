"""A failed operation resumes where it stopped: with the same rows, and none twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import current_app
from sqlalchemy import delete, func, select

from app.contacts.models import Contact, Tag
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_job
from app.log.models import LogEntry
from app.operations.models import Operation
from app.security.api_keys import ApiKey, revoke_key
from app.security.areas import Area, Level
from app.types import now
from tests.contact_actions import AddTag
from tests.factories import a_contact, a_value
from tests.operations.run_actions import confirm, create_draft_for, undo
from tests.operations.test_pages import text_of
from tests.operations.test_undo_again import first_chunk
from tests.people import ALICIA, BRUNO, CLARA, api_key_header

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]

URL = "/api/v1/operations/"


@pytest.fixture
def failed(monkeypatch) -> tuple[Operation, Tag, list[Contact]]:
    """Give an operation of Bruno's that failed after two of five files, for lack of permission."""
    tag, contacts = a_value(Tag), [a_contact() for _each in range(5)]
    operation = create_draft_for(AddTag, BRUNO.as_actor(), contacts)
    operation = confirm(operation, AddTag, BRUNO.as_actor(), at_once=0, tag=tag.id)
    first_chunk(operation.job, monkeypatch, 2)
    with_roles([], lambda: run_job(operation.job_id))
    return again(operation), tag, contacts


def with_roles(roles: list, do) -> None:
    """Call a function while Bruno has other roles."""
    own = list(BRUNO.user.roles)
    BRUNO.user.roles = roles
    db.session.commit()
    do()
    BRUNO.user.roles = own
    db.session.commit()


def again(operation: Operation) -> Operation:
    db.session.expire_all()
    return db.session.get_one(Operation, operation.id, populate_existing=True)


def tagged(tag: Tag) -> int:
    return sum(tag in contact.tags for contact in db.session.scalars(select(Contact)))


def entries(operation: Operation) -> int:
    query = select(func.count()).select_from(LogEntry)
    return db.session.scalar(query.where(LogEntry.operation_id == operation.id)) or 0


def test_a_failed_operation_resumes_with_its_remaining_rows(client_as, failed):
    operation, tag, contacts = failed
    assert (operation.job.state, operation.changed, tagged(tag)) == ("failed", 2, 2)
    # Processed rows are not processed again, and new rows were not selected.
    contacts[0].tags.remove(tag)
    a_contact()
    db.session.commit()
    browser, at = client_as(BRUNO), f"/jobs/{operation.job_id}/"
    page = text_of(browser.get(at))
    assert "no longer has permission" in page
    assert '/resume"' in page

    for _click in range(2):
        assert browser.post(f"{at}resume").location == at
    run_job(operation.job_id)

    operation = again(operation)
    assert (operation.job.state, operation.job.done, operation.job.total) == ("done", 5, 5)
    assert (operation.matched, operation.changed, entries(operation)) == (5, 5, 5)
    assert [tag in contact.tags for contact in contacts] == [False, True, True, True, True]
    assert '/resume"' not in text_of(browser.get(at))
    operation = undo(operation, BRUNO.as_actor())
    assert (operation.undone, operation.kept, tagged(tag)) == (4, 1, 0)


def test_an_administrator_resumes_it_on_behalf_of_its_owner(client_as, failed):
    operation, tag, _contacts = failed
    at = f"/jobs/{operation.job_id}/"
    assert client_as(CLARA).post(f"{at}resume").status_code == 404
    assert '/resume"' in text_of(client_as(ALICIA).get(at))
    client_as(ALICIA).post(f"{at}resume")
    with_roles([], lambda: run_job(operation.job_id))
    assert again(operation).job.state == "failed", "not with the administrator's rights"
    client_as(ALICIA).post(f"{at}resume")
    run_job(operation.job_id)
    assert (again(operation).job.actor_id, tagged(tag)) == (BRUNO.user.id, 5)


def test_it_cannot_be_resumed_without_permission_after_undo_or_too_late(client_as, failed):
    operation, tag, _contacts = failed
    at = f"/jobs/{operation.job_id}/"

    def refused(sentence: str) -> None:
        browser = client_as(BRUNO)
        assert '/resume"' not in text_of(browser.get(at))
        page = text_of(browser.post(f"{at}resume", follow_redirects=True))
        assert sentence in page
        assert again(operation).job.state == "failed"

    with_roles(
        list(CLARA.user.roles), lambda: refused("You no longer have permission to do this.")
    )
    until, operation.undo_until = operation.undo_until, now() - timedelta(minutes=1)
    db.session.commit()
    refused("It is too late to continue this process.")
    again(operation).undo_until = until
    db.session.commit()
    undo(operation, BRUNO.as_actor())
    refused("This has been undone, so it won’t continue.")
    assert tagged(tag) == 0


def test_only_a_failed_job_can_be_resumed(client_as, failed):
    operation, _tag, _contacts = failed
    for state in ("queued", "done", "cancelled"):
        operation.job.state = state
        db.session.commit()
        client_as(BRUNO).post(f"/jobs/{operation.job_id}/resume")
        assert (again(operation).job.state, operation.job.error != "") == (state, True)


def test_a_deleted_job_cannot_be_resumed(client_as, failed):
    operation, _tag, _contacts = failed
    number = operation.job_id
    db.session.execute(delete(Job).where(Job.id == number))
    db.session.commit()
    assert client_as(BRUNO).post(f"/jobs/{number}/resume").status_code == 404


def test_the_api_and_the_command_line_resume_it_too(app, failed):
    operation, tag, _contacts = failed
    at, browser = f"{URL}{operation.id}/resume", app.test_client()
    assert browser.post(at, headers=api_key_header(CLARA.user.id)).status_code == 404
    reading_only = api_key_header(BRUNO.user.id, {Area.CONTACTS: Level.READ})
    assert browser.post(at, headers=reading_only).status_code == 403
    header = api_key_header(BRUNO.user.id)
    reply = browser.post(at, headers=header)
    assert (reply.status_code, reply.json["state"]) == (202, "queued")
    run_job(operation.job_id)
    assert tagged(tag) == 5
    assert browser.post(at, headers=header).status_code == 409

    again(operation).job.state = "failed"
    db.session.commit()
    shell = app.test_cli_runner()
    reply = shell.invoke(args=["jobs", "resume", str(operation.job_id)])
    assert (reply.exit_code, '"state": "queued"' in reply.output) == (0, True), reply.output
    assert run_job(operation.job_id) == "done"
    assert again(operation).changed == 5
    reply = shell.invoke(args=["jobs", "resume", str(operation.job_id)])
    assert (reply.exit_code, "Only failed processes" in reply.output) == (1, True)


def by_key(monkeypatch, app, upto: int = 5) -> tuple[Operation, ApiKey]:
    """Request a tag with a key, and let a worker process the first two files."""
    monkeypatch.setitem(current_app.config, "BACKGROUND_ABOVE", 0)
    body = {
        "action": "add-tag", "resource": "contacts", "answers": {"tag": a_value(Tag).id},
        "ids": [a_contact().id for _each in range(upto)],
    }  # fmt: skip
    reply = app.test_client().post(URL, json=body, headers=api_key_header(BRUNO.user.id))
    assert reply.status_code == 202
    operation = db.session.get_one(Operation, reply.json["operation"])
    first_chunk(operation.job, monkeypatch, 2)
    return again(operation), db.session.scalars(select(ApiKey)).one()


@pytest.mark.parametrize("how", ["revoked", "expired", "narrowed"])
def test_the_job_of_a_key_that_is_no_longer_valid_fails(app, client_as, monkeypatch, how):
    operation, key = by_key(monkeypatch, app)
    if how == "revoked":
        revoke_key(key)
    elif how == "expired":
        key.expires_on = now()
    else:
        key.scopes = "contacts:read"
    db.session.commit()
    assert run_job(operation.job_id) == "failed"
    operation = again(operation)
    sentence = "no longer has permission" if how == "narrowed" else "The API key"
    assert sentence in operation.job.error
    assert operation.changed == 2

    # The owner may resume it on the web, without the key.
    client_as(BRUNO).post(f"/jobs/{operation.job_id}/resume")
    assert run_job(operation.job_id) == "done"
    operation = again(operation)
    assert (operation.changed, operation.job.channel) == (5, "web")


def test_the_job_of_a_valid_key_runs_to_its_end(app, monkeypatch):
    monkeypatch.setattr("app.jobs.runner.ACTOR_REFRESH_SECONDS", 0.0)
    operation, _key = by_key(monkeypatch, app)
    assert run_job(operation.job_id) == "done"


def test_the_job_of_an_invalid_key_can_be_cancelled(app, monkeypatch):
    operation, key = by_key(monkeypatch, app)
    revoke_key(key)
    operation.job.is_cancelled = True
    db.session.commit()
    assert run_job(operation.job_id) == "cancelled"
