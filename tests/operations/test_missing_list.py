"""Operations whose list the program no longer has: they fail with a sentence, and stay visible."""

from __future__ import annotations

import pytest

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Status
from app.extensions import db
from app.jobs.runner import run_job
from app.operations.models import Operation
from tests.factories import a_contact, a_value
from tests.operations.run_actions import confirm, create_draft_for, do
from tests.people import BRUNO, api_key_header

pytestmark = pytest.mark.usefixtures("session")

SENTENCE = "This collective action is no longer available."


def forget_list(operation: Operation) -> Operation:
    """Let an operation name a list that is not registered."""
    operation.selection = operation.selection | {"list": "departments"}
    db.session.commit()
    return operation


def test_its_job_fails_with_a_sentence_and_is_not_retried():
    draft = create_draft_for(ChangeStatus, BRUNO.as_actor(), [a_contact()])
    status = a_value(Status)
    operation = confirm(draft, ChangeStatus, BRUNO.as_actor(), at_once=0, status=status.id)
    forget_list(operation)
    assert run_job(operation.job_id) == "failed"
    db.session.refresh(operation.job)
    assert operation.job.error == SENTENCE


def test_its_page_is_shown_without_a_link_to_the_list_and_without_undo(client_as):
    status, contact = a_value(Status), a_contact(last_name="Zubizarreta")
    operation = do(ChangeStatus, BRUNO.as_actor(), [contact], status=status.id)
    job = f"/jobs/{operation.job_id}/"
    browser = client_as(BRUNO)
    assert f'action="/operations/{operation.id}/undo"' in browser.get(job).text
    forget_list(operation)
    page = browser.get(job)
    assert page.status_code == 200
    assert "/undo" not in page.text
    assert "Back to list" not in page.text
    assert "Zubizarreta" not in page.text


def test_the_api_still_lists_it_and_refuses_to_undo_it(client_as):
    operation = do(ChangeStatus, BRUNO.as_actor(), [a_contact()], status=a_value(Status).id)
    number = forget_list(operation).id
    browser, key = client_as(None), api_key_header(BRUNO.user.id)
    listed = browser.get("/api/v1/operations/", headers=key).get_json()["results"]
    assert [(one["operation"], one["resource"]) for one in listed] == [(number, "departments")]
    reply = browser.post(f"/api/v1/operations/{number}/undo", headers=key)
    assert reply.status_code == 403
